import type { FindingRow } from "../db/reads.ts";
import type { Log } from "../log.ts";
import { printable } from "./table.ts";
import { withReads } from "./with-reads.ts";

/** Prints what ampsync.doctor() finds; with `json` as one JSON object. Resolves to the exit code: 1 after an error. */
export async function printFindings(
  url: string,
  json: boolean,
  log: Log,
  print: (text: string) => void,
): Promise<number> {
  const findings = await withReads(url, "ampsync doctor", log, (reads) => reads.findings());
  if (json) {
    print(JSON.stringify({ findings }));
  } else {
    print(findings.length === 0 ? "Nothing found." : findings.map(paragraph).join("\n\n"));
  }
  return findings.some(({ severity }) => severity === "error") ? 1 : 0;
}

function paragraph({ severity, subject, finding, fix }: FindingRow): string {
  return `${severity}: ${printable(subject)}: ${printable(finding)}\n  ${printable(fix)}`;
}
