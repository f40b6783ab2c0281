// Numbers as tables show them: short, in fixed width, decimal units. JSON has the exact ones.
// Imports nothing.
// Invariant: formatCount is at most 5 characters wide and formatAge at most 4, for every value that a u64 or 100 years give.

const UNITS = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

/** 7762 -> '7762', 12345 -> '12.3k', 1234567 -> '1.23M'. Exact below 10,000; k, M, ... are powers of 1000. Undefined: '-'. */
export function formatCount(value: number | undefined): string {
  if (value === undefined) return '-';
  if (value < 10_000) return String(Math.round(value));
  let unit = 0;
  let scaled = value;
  // 999.5 and more would print as 1000 of this unit.
  while (scaled >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1000;
    unit++;
  }
  const digits = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
  return scaled.toFixed(digits) + UNITS[unit];
}

/** Seconds as '45s', '12m', '27h', '12d'. */
export function formatAge(seconds: number): string {
  if (seconds < 99.5) return `${Math.max(0, Math.round(seconds))}s`;
  const minutes = seconds / 60;
  if (minutes < 99.5) return `${Math.round(minutes)}m`;
  const hours = minutes / 60;
  if (hours < 99.5) return `${Math.round(hours)}h`;
  return `${Math.round(hours / 24)}d`;
}

/** 0.2512 -> '25.1 %'. */
export function formatShare(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** '1 flow', '2 flows'. */
export function countNoun(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}
