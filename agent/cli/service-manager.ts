// What the agent tells the service manager that started it (systemd, Type=notify): ready, alive, stopping. sd_notify(3), sd_watchdog_enabled(3).
// Imports nothing; how a message is sent is an argument.
// Invariant: without a service manager it does nothing. "Alive" is sent from the event loop, so an agent that hangs is not.

export interface ServiceManager {
  /** `status`: one line for `systemctl status`. Begins the watchdog's messages. */
  ready(status: string): void;
  stopping(): void;
}

/** `env`: of the process: NOTIFY_SOCKET, WATCHDOG_USEC (microseconds until it is taken for dead), WATCHDOG_PID. */
export function findServiceManager(env: NodeJS.ProcessEnv, pid: number, notify: (path: string, text: string) => boolean): ServiceManager {
  const path = env['NOTIFY_SOCKET'];
  if (path === undefined || path === '') return { ready() {}, stopping() {} };
  const watched = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(pid);
  const period = watched ? Number(env['WATCHDOG_USEC'] ?? 0) / 1000 : 0;
  let timer: NodeJS.Timeout | undefined;
  return {
    ready(status) {
      notify(path, `READY=1\nSTATUS=${status}`);
      // Three messages a period: two may be late.
      if (period > 0) timer = setInterval(() => void notify(path, 'WATCHDOG=1'), period / 3).unref();
    },
    stopping() {
      clearInterval(timer);
      notify(path, 'STOPPING=1');
    },
  };
}
