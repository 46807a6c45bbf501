import { createInterface } from "node:readline/promises";

import { type Config, requireDatabase } from "../config.ts";
import { uninstall } from "../install/uninstall.ts";
import type { PlannedObject, UninstallPlan } from "../install/uninstall-plan.ts";
import type { Log } from "../log.ts";
import { printable } from "./table.ts";

interface Terminal {
  readonly print: (text: string) => void;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/**
 * `ampsync uninstall`: prints what it drops and what stays, asks, and takes ampsync out. With `json` the same as one
 * JSON object, without a question: nothing is changed without `yes`. Resolves to the exit code: 1 if nothing was
 * changed although something is installed.
 */
export async function uninstallCommand(
  config: Config,
  { yes, json }: { readonly yes: boolean; readonly json: boolean },
  log: Log,
  terminal: Terminal,
): Promise<number> {
  let shown: UninstallPlan | null = null;
  const result = await uninstall(requireDatabase(config), {
    log: log.part("install"),
    async agree(plan) {
      shown = plan;
      if (!json) {
        terminal.print(describe(plan));
      }
      return yes || (!json && (await ask(terminal)));
    },
  });
  if (json) {
    const { drops, keeps, workers, rolesLeft: roles } = shown ?? NOTHING;
    terminal.print(
      JSON.stringify({
        installed: result === "declined",
        uninstalled: result === "done",
        drops,
        keeps,
        workers,
        roles,
      }),
    );
  } else {
    terminal.print(ENDINGS[result]);
  }
  return result === "declined" ? 1 : 0;
}

const NOTHING = { drops: [], keeps: [], workers: 0, rolesLeft: [] } as const;

const ENDINGS = {
  "not installed": "ampsync is not installed in this database.",
  declined: "Nothing was changed. Without a question: ampsync uninstall --yes",
  done: "ampsync is no longer installed in this database.",
} as const;

function describe({ drops, keeps, workers, rolesLeft }: UninstallPlan): string {
  const kept = keeps.length === 0 ? ["  nothing, since there are no synced tables"] : keeps.map(line);
  const running = workers === 0 ? [] : ["", `Workers that run now, and will end: ${workers}.`];
  const roles =
    rolesLeft.length === 0
      ? []
      : [
          "",
          "The roles of ampsync belong to the whole server and stay; they lose their grants in this database.",
          "Once no other database uses them:",
          ...rolesLeft.map((statement) => `  ${statement}`),
        ];
  return ["Dropped:", ...drops.map(line), "", "Kept:", ...kept, ...roles, ...running].join("\n");
}

function line({ object, note }: PlannedObject): string {
  return `  ${printable(object)}: ${printable(note)}`;
}

/** Whoever closes the input has said no. */
async function ask({ input, output }: Terminal): Promise<boolean> {
  const lines = createInterface({ input, output });
  try {
    const closed = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
    return (await Promise.race([lines.question("\nType yes to go on: "), closed])).trim() === "yes";
  } finally {
    lines.close();
  }
}
