import { parseArgs } from "node:util";

import type { Flags } from "../config/given.ts";
import { flagOf, flagsOf, IGNORED, type Scope, SETTINGS, type Setting } from "../config/settings.ts";
import { nearest } from "./nearest.ts";

/** The options of a command that are no settings: switches without a value. */
export type Switch = "json" | "watch" | "once" | "http" | "web" | "yes" | "live";

export const SWITCHES: Readonly<Record<Switch, string>> = {
  json: "print JSON, and errors as JSON too",
  watch: "print again every 2 s, until Ctrl-C",
  once: "verify, then exit",
  http: "an HTTP API in the place of the chain",
  web: "two gateways as well, and a page in a browser that follows them",
  yes: "do not ask",
  live: "ask only whether its event loop turns",
};

/** What a command takes. */
export interface Syntax {
  readonly name: string;
  readonly switches: readonly Switch[];
  /** Whose flags it takes. */
  readonly scopes: readonly Scope[];
}

export interface CommandLine {
  readonly switches: ReadonlySet<Switch>;
  readonly flags: Flags;
}

/** A command line that is wrong: exit code 2. */
export class UsageError extends Error {
  /** The command whose help says more. */
  readonly command: string;

  constructor(message: string, command = "") {
    super(message);
    this.command = command;
  }
}

/** The settings that a command takes as flags. */
export function settingsOf(scopes: readonly Scope[]): readonly Setting[] {
  return Object.values(SETTINGS).filter(({ scope }) => scopes.includes(scope));
}

/** Reads what follows a command. Throws UsageError, whose text shows no value: it may be a secret. */
export function parseCommandLine({ name, switches, scopes }: Syntax, args: readonly string[]): CommandLine {
  const settings = settingsOf(scopes);
  const shorts = new Map(
    settings.flatMap(({ names: [first], short }) => (short === undefined ? [] : [[flagOf(first), short]])),
  );
  const others = scopes.includes("worker") ? IGNORED.map(flagOf) : [];
  const valued = [...settings.flatMap(flagsOf), ...others];
  const options = Object.fromEntries([
    ...switches.map((each) => [each, { type: "boolean" }] as const),
    ...valued.map((flag) => {
      const short = shorts.get(flag);
      return [flag, { type: "string", ...(short === undefined ? {} : { short }) }] as const;
    }),
  ]);
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Set<Switch>();
  const flags: Record<string, string> = {};
  for (const token of tokens) {
    if (token.kind !== "option") {
      const hasFlags = Object.keys(flags).length > 0;
      const shown = token.kind === "positional" && !hasFlags ? `: ${token.value}` : "";
      throw new UsageError(`ampsync ${name} takes no arguments${shown}`, name);
    }
    if (switches.some((each) => each === token.name)) {
      if (token.value !== undefined) throw new UsageError(`--${token.name} takes no value`, name);
      given.add(token.name as Switch);
    } else if (!valued.includes(token.name)) {
      throw unknownOption(name, token.rawName, [...switches, ...valued]);
    } else if (token.value === undefined || (!token.inlineValue && /^-./.test(token.value))) {
      throw new UsageError(
        `${token.rawName} needs a value; one that begins with - is written --${token.name}=-…`,
        name,
      );
    } else {
      flags[token.name] = token.value;
    }
  }
  return { switches: given, flags };
}

function unknownOption(command: string, given: string, options: readonly string[]): UsageError {
  const meant = nearest(given.replace(/^-+/, ""), options);
  const question = meant === null ? "" : `; did you mean --${meant}?`;
  return new UsageError(`ampsync ${command} has no option ${given}${question}`, command);
}

/** What is wrong with a command line that Node itself has read; any other error as it is. */
export function usageErrorOf(error: unknown, command: string, options: readonly string[]): unknown {
  const code = error instanceof TypeError ? String(Reflect.get(error, "code")) : "";
  if (!(error instanceof TypeError) || !code.startsWith("ERR_PARSE_ARGS")) return error;
  const [, unknown] = /^Unknown option '(-+[\w-]+)/.exec(error.message) ?? [];
  return unknown === undefined
    ? new UsageError(error.message.split("\n")[0] ?? "", command)
    : unknownOption(command, unknown, options);
}
