import type { NameSubtreeInput } from "@/gql/graphql";

const prefixes: Record<string, NameSubtreeInput["type"]> = {
  dns: "DNS_NAME",
  email: "EMAIL",
  ip: "IP_ADDRESS",
  uri: "URI",
};

/** One name a line, as `dns:`, `email:`, `ip:` or `uri:`; without a prefix it is told by its look. */
export function parseSubtrees(text: string): NameSubtreeInput[] {
  return text
    .split("\n")
    .map((l) => l.trim())
    .filter(Boolean)
    .map((line) => {
      const [, prefix = "", rest = ""] = /^(dns|email|ip|uri):\s*(.*)$/i.exec(line) ?? [];
      if (prefix) return { type: prefixes[prefix.toLowerCase()]!, value: rest };
      if (line.includes("@")) return { type: "EMAIL", value: line };
      return { type: /\/\d+$/.test(line) ? "IP_ADDRESS" : "DNS_NAME", value: line };
    });
}
