const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `1536` → `1.5 KiB` */
export function formatBytes(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Milliseconds → `12 s`, `3 min`, `2 h`, `4 d` */
export function formatAge(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Milliseconds → `0.42 ms`, `12.3 ms`, `1.20 s` */
export function formatDuration(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
}

/** Their order counts: each of these says that it is one of those behind it, too. */
const BROWSERS = [
  ["Edg", "Edge"],
  ["OPR", "Opera"],
  ["Firefox", "Firefox"],
  ["HeadlessChrome", "Chrome (headless)"],
  ["Chrome", "Chrome"],
  ["Version", "Safari"],
];

/** A user agent's name and major version: `Firefox 140`. What is no browser is named as it names itself. */
export function browserName(userAgent) {
  for (const [token, name] of BROWSERS) {
    const version = new RegExp(`\\b${token}/(\\d+)`).exec(userAgent)?.[1];
    if (version !== undefined) return `${name} ${version}`;
  }
  return userAgent === "" ? "unknown" : userAgent.slice(0, 40);
}

const CLOSE_CODES = {
  1000: "normal",
  1001: "going away",
  1002: "protocol error",
  1003: "unsupported data",
  1005: "no code in the Close frame",
  1006: "ended without a Close frame",
  1007: "invalid data",
  1008: "policy",
  1009: "message too big",
  1010: "extension missing",
  1011: "error in the server",
  1012: "service restart",
  1013: "try again later",
  1015: "TLS failed",
};

/** What a close code stands for (RFC 6455 section 7.4.1), or an empty string. */
export function closeCodeName(code) {
  return CLOSE_CODES[code] ?? "";
}
