// Numbers and times as people read them.
// Imports nothing; pure.
// Invariant: what is not known is an en dash, never a 0.

export const UNKNOWN = '–';

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'];

/**
 * '0', '7.5', '9870', '12.3 k': three digits, with a prefix from ten thousand on.
 * @param {number | null | undefined} value
 * @param {string} [unit] 'bit/s'; then prefixes begin at a thousand
 */
export function formatNumber(value, unit = '') {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  let step = 0;
  let rest = value;
  const least = unit === '' ? 10_000 : 1000;
  // 999.96 k would be shown as 1000 k.
  for (let limit = least; rest >= limit - 0.5 && step < PREFIXES.length - 1; limit = 1000) {
    rest /= 1000;
    step += 1;
  }
  const digits = rest >= 100 || Number.isInteger(rest) ? 0 : rest >= 10 ? 1 : 2;
  const text = step === 0 ? String(rest < 100 ? Math.round(rest * 10) / 10 : Math.round(rest)) : rest.toFixed(digits);
  return `${text} ${PREFIXES[step]}${unit}`.trim();
}

/** '2412 packets/s', '24.1 k packets/s'. @param {number | null | undefined} value */
export function formatPackets(value) {
  return `${formatNumber(value)} packets/s`;
}

/** @param {number | null | undefined} value bits a second */
export function formatBits(value) {
  return formatNumber(value, 'bit/s');
}

/** '1,234,567'. @param {number} value */
export function formatWhole(value) {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** '12 s', '3 min', '5 h 10 min', '4 d 3 h'. @param {number} seconds */
export function formatDuration(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.floor(seconds)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** '07:05:09', in the viewer's zone. @param {number} seconds since 1970 */
export function formatTime(seconds) {
  return new Date(seconds * 1000).toTimeString().slice(0, 8);
}

/** '1 backend', '2 backends'. @param {number} count @param {string} noun */
export function countOf(count, noun) {
  return `${formatWhole(count)} ${noun}${count === 1 ? '' : 's'}`;
}
