// Services and backends in the columns of HAProxy's CSV, so that what reads `show stat` reads them: HAProxy management guide, section 9.1.
// Imports agent/model and its siblings.
// Invariant: a column that Fairlead has no value for is empty, and never 0.

import { formatEndpoint } from '../model/format.js';
import type { BackendStats, ServiceStats, StatsView } from '../model/stats.js';
import type { BackendView, ServiceView } from '../model/views.js';

/** Those of HAProxy 2.4 and later; what is special to HTTP/2, TLS or a build of HAProxy comes behind them there. */
const COLUMNS = [
  ...['pxname', 'svname', 'qcur', 'qmax', 'scur', 'smax', 'slim', 'stot', 'bin', 'bout', 'dreq', 'dresp', 'ereq', 'econ', 'eresp'],
  ...['wretr', 'wredis', 'status', 'weight', 'act', 'bck', 'chkfail', 'chkdown', 'lastchg', 'downtime', 'qlimit', 'pid', 'iid', 'sid'],
  ...['throttle', 'lbtot', 'tracked', 'type', 'rate', 'rate_lim', 'rate_max', 'check_status', 'check_code', 'check_duration'],
  ...['hrsp_1xx', 'hrsp_2xx', 'hrsp_3xx', 'hrsp_4xx', 'hrsp_5xx', 'hrsp_other', 'hanafail', 'req_rate', 'req_rate_max', 'req_tot'],
  ...['cli_abrt', 'srv_abrt', 'comp_in', 'comp_out', 'comp_byp', 'comp_rsp', 'lastsess', 'last_chk', 'last_agt', 'qtime', 'ctime'],
  ...['rtime', 'ttime', 'agent_status', 'agent_code', 'agent_duration', 'check_desc', 'agent_desc', 'check_rise', 'check_fall'],
  ...['check_health', 'agent_rise', 'agent_fall', 'agent_health', 'addr', 'cookie', 'mode', 'algo', 'conn_rate', 'conn_rate_max'],
  ...['conn_tot', 'intercepted', 'dcon', 'dses', 'wrew', 'connect', 'reuse', 'cache_lookups', 'cache_hits', 'srv_icur', 'src_ilim'],
  ...['qtime_max', 'ctime_max', 'rtime_max', 'ttime_max', 'eint', 'idle_conn_cur', 'safe_conn_cur', 'used_conn_cur', 'need_conn_est'],
  ...['uweight', 'agg_server_status', 'agg_server_check_status', 'agg_check_status'],
] as const;
type Line = Partial<Record<(typeof COLUMNS)[number], string | number>>;

/** Of `type`. */
const TYPE = { frontend: 0, backend: 1, server: 2 } as const;

/** The header, then of each service a line FRONTEND, one of each backend, and a line BACKEND. `now`: seconds since 1970; `rates`: new flows a second. */
export function formatHaproxyCsv(views: readonly ServiceView[], counted: StatsView, rates: StatsView | undefined, now: number): string {
  const lines = counted.services.flatMap((service) => {
    const view = views.find(({ id }) => id === service.id);
    return view === undefined
      ? []
      : serviceLines(
          view,
          service,
          rates?.services.find(({ id }) => id === service.id),
          now,
        );
  });
  return `# ${COLUMNS.join(',')},\n${lines.map((line) => `${COLUMNS.map((name) => line[name] ?? '').join(',')},\n`).join('')}`;
}

function serviceLines(view: ServiceView, counted: ServiceStats, rates: ServiceStats | undefined, now: number): readonly Line[] {
  const { id, backends } = view;
  const proxy: Line = {
    pxname: `service-${id}`,
    scur: counted.flows,
    stot: counted.newFlows,
    bin: counted.bytes,
    bout: counted.replyBytes,
    pid: 1,
    iid: id,
    mode: view.frontend.protocol,
    ...rateOf(rates),
  };
  const serving = backends.filter(({ share }) => share > 0);
  const weight = serving.reduce((sum, backend) => sum + backend.weight, 0);
  const denied = counted.refused.source_denied;
  const states = new Map(counted.backends.map((backend) => [formatEndpoint(backend), backend]));
  const ratesOf = new Map((rates?.backends ?? []).map((backend) => [formatEndpoint(backend), backend]));
  return [
    { ...proxy, svname: 'FRONTEND', dreq: denied, status: 'OPEN', sid: 0, type: TYPE.frontend },
    ...backends.map((backend) =>
      serverLine(proxy, backend, states.get(formatEndpoint(backend)), ratesOf.get(formatEndpoint(backend)), now),
    ),
    {
      ...proxy,
      svname: 'BACKEND',
      dreq: denied,
      econ: counted.refusedPackets - denied,
      status: serving.length > 0 ? 'UP' : 'DOWN',
      weight,
      act: serving.length,
      bck: 0,
      sid: 0,
      lbtot: counted.newFlows,
      type: TYPE.backend,
      algo: 'maglev',
    },
  ];
}

function serverLine(
  { pxname, pid, iid, mode }: Line,
  backend: BackendView,
  counted: BackendStats | undefined,
  rates: BackendStats | undefined,
  now: number,
): Line {
  return {
    pxname: pxname ?? '',
    svname: formatEndpoint(backend),
    scur: counted?.flows ?? 0,
    stot: counted?.newFlows ?? 0,
    bin: counted?.bytes ?? 0,
    bout: counted?.replyBytes ?? 0,
    status: statusOf(backend),
    weight: backend.weight,
    act: 1,
    bck: 0,
    ...(backend.healthSince === undefined ? {} : { lastchg: Math.max(0, Math.round(now - backend.healthSince)) }),
    pid: pid ?? 1,
    iid: iid ?? 0,
    sid: backend.backendId + 1,
    lbtot: counted?.newFlows ?? 0,
    type: TYPE.server,
    ...rateOf(rates),
    ...(backend.healthReason === undefined ? {} : { last_chk: quote(backend.healthReason) }),
    addr: formatEndpoint(backend),
    mode: mode ?? '',
  };
}

const rateOf = (rates: { readonly newFlows: number } | undefined): Line =>
  rates === undefined ? {} : { rate: Math.round(rates.newFlows) };

/** HAProxy's words. */
function statusOf({ state, health, weight, local, mac }: BackendView): string {
  if (state === 'maintenance') return 'MAINT';
  if (state === 'terminating' || weight === 0) return 'DRAIN';
  if (state === 'quarantined' || health === 'down' || (!local && mac === undefined)) return 'DOWN';
  return health === undefined ? 'no check' : 'UP';
}

/** RFC 4180. */
function quote(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
