const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const dateOnly = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export const formatDateTime = (iso: string) => dateTime.format(new Date(iso));
export const formatDate = (iso: string) => dateOnly.format(new Date(iso));
export const formatNumber = (n: number) => new Intl.NumberFormat().format(n);

/** What the server counts of a long list before it gives up (domain/page). */
export const formatCounted = (n: number) => formatNumber(n) + (n >= 10_000 ? "+" : "");

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365.25 * 86_400],
  ["month", 30.44 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** "in 3 months", "yesterday", "2 minutes ago". */
export function formatRelative(iso: string, now = Date.now()) {
  const seconds = (new Date(iso).getTime() - now) / 1000;
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return relative.format(Math.trunc(seconds), "second");
}

/** "11 months and 22 days": how the guide words the time a certificate has left. */
export function formatRemaining(iso: string, now = Date.now()) {
  const end = new Date(iso);
  const ms = end.getTime() - now;
  if (ms <= 0) return "expired";
  const days = Math.floor(ms / 86_400_000);
  if (days < 1) return "less than a day";
  const years = Math.floor(days / 365);
  const months = Math.floor((days % 365) / 30.4);
  const rest = Math.floor(days % 30.4);
  const part = (n: number, word: string) => (n > 0 ? [`${n} ${word}${n === 1 ? "" : "s"}`] : []);
  const parts =
    years > 0
      ? [...part(years, "year"), ...part(months, "month")]
      : months > 0
        ? [...part(months, "month"), ...part(rest, "day")]
        : part(days, "day");
  return parts.join(" and ");
}

/** Identifiers that people choose: of authorities, configurations, credentials. */
export const identifierRule = /^[a-z0-9_-]{2,18}$/;

/** Middle of a long identifier left out, so that its ends can still be told apart. */
export const shorten = (s: string, keep = 8) =>
  s.length <= 2 * keep + 1 ? s : `${s.slice(0, keep)}…${s.slice(-keep)}`;

/** Hexadecimal in pairs, as certificates are usually printed. */
export const colons = (hex: string) =>
  hex
    .toUpperCase()
    .match(/.{1,2}/g)
    ?.join(":") ?? hex;

/** `KEY_COMPROMISE` → `Key Compromise`. */
export const words = (constant: string) =>
  constant
    .toLowerCase()
    .split("_")
    .map((w) =>
      ["ca", "aa", "crl", "ocsp", "ip", "dns", "uri", "upn", "id"].includes(w)
        ? w.toUpperCase()
        : w.charAt(0).toUpperCase() + w.slice(1),
    )
    .join(" ");

/** `PENDING_CERTIFICATE` → `Pending certificate`. */
export const sentence = (constant: string) => constant.charAt(0) + constant.slice(1).toLowerCase().replaceAll("_", " ");

/** Hands a file to the browser. */
export function download(name: string, content: BlobPart, type = "application/octet-stream") {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

export const fromBase64 = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** A CSV cell that no spreadsheet takes for a formula. */
export function csvCell(value: unknown) {
  let s = value === null || value === undefined ? "" : String(value);
  if (/^[=+\-@\t\r\n]/.test(s)) s = `'${s}`;
  return /[",\n\r]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s;
}

export const csv = (rows: unknown[][]) => rows.map((r) => r.map(csvCell).join(",")).join("\r\n") + "\r\n";
