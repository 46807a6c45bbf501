import { readFileSync } from "node:fs";

export interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

/** The metrics that docs/metrics.md has. */
export function documentedMetrics(): readonly DocumentedMetric[] {
  const page = readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8");
  return [...page.matchAll(/^\| `(\w+)` \| (\w+) \|([^|]*)\|/gm)].map(
    ([, name = "", type = "", labels = ""]) => ({
      name,
      type,
      labels: labels.split(",").flatMap((label) => label.trim() || []),
    }),
  );
}
