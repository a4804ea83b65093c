/** One `type=value` of a distinguished name. */
export type Part = { type: string; value: string };

/** Writes RFC 4514 text. */
export function writeName(parts: readonly Part[]) {
  return parts
    .filter((p) => p.value !== "")
    .map((p) => `${p.type}=${escapeValue(p.value)}`)
    .join(",");
}

function escapeValue(v: string) {
  return v
    .replace(/["+,;<>\\]/g, "\\$&")
    .replace(/^[ #]/, "\\$&")
    .replace(/ $/, "\\ ");
}

/** Reads RFC 4514 text; undefined when it has multi-valued parts or is not a name, which only the text field can hold. */
export function readName(text: string): Part[] | undefined {
  const parts: Part[] = [];
  let rest = text.trim();
  while (rest) {
    const m = /^\s*([A-Za-z][A-Za-z0-9-]*|[\d.]+)\s*=\s*((?:\\.|[^,+\\"])*)(,|$)/.exec(rest);
    if (!m) return undefined;
    if (/\\[0-9a-f]{2}/i.test(m[2]!) || m[2]!.startsWith("#")) return undefined;
    parts.push({ type: m[1]!, value: m[2]!.replace(/\\(.)/g, "$1").trimEnd() });
    rest = rest.slice(m[0].length);
    if (m[3] === "," && !rest) return undefined;
  }
  return parts;
}
