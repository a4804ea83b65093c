// DER, read and written by hand: a parser shared with the product would share its mistakes.

/** One element: tag, content, the whole of it, and what follows. */
export function element(der) {
  let header = 2;
  let length = der[1];
  if (length & 0x80) {
    const n = length & 0x7f;
    length = der.subarray(2, 2 + n).reduce((v, b) => v * 256 + b, 0);
    header += n;
  }
  const end = header + length;
  if (der.length < 2 || end > der.length) throw new Error("truncated DER");
  return { tag: der[0], content: der.subarray(header, end), whole: der.subarray(0, end), rest: der.subarray(end) };
}

export function elements(content) {
  const list = [];
  for (let rest = content; rest.length; rest = list.at(-1).rest) list.push(element(rest));
  return list;
}

/** The elements of a SEQUENCE that must fill the whole input. */
export function sequence(der) {
  const e = element(der);
  if (e.tag !== 0x30 || e.rest.length) throw new Error("not exactly one SEQUENCE");
  return elements(e.content);
}

export function tlv(tag, ...parts) {
  const content = Buffer.concat(parts);
  const n = content.length;
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : n < 0x10000 ? [0x82, n >> 8, n & 255] : [0x83, n >> 16, (n >> 8) & 255, n & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
export const seq = (...parts) => tlv(0x30, ...parts);
export const nul = Buffer.from([5, 0]);
export const bits = (bytes) => tlv(3, Buffer.from([0]), bytes);

export function oid(dotted) {
  const [a, b, ...rest] = dotted.split(".").map(Number);
  const bytes = [];
  for (const arc of [a * 40 + b, ...rest]) {
    const base128 = [arc & 127];
    for (let v = Math.floor(arc / 128); v; v = Math.floor(v / 128)) base128.unshift((v & 127) | 128);
    bytes.push(...base128);
  }
  return tlv(6, Buffer.from(bytes));
}
