import { flagOf, type Setting } from "../config/settings.ts";
import { SWITCHES, type Syntax, settingsOf } from "./command-line.ts";

const EXIT_CODES = `Exit codes: 0 done; 1 failed, or something was found (doctor, health, demo); 2 wrong command line;
130 stopped by a second signal.`;

/** A command as its help shows it. */
export interface Described extends Syntax {
  /** What follows its name. */
  readonly operands?: string;
  readonly summary: string;
  /** Further paragraphs. */
  readonly about?: string;
}

/** The help of the program. */
export function generalHelp(commands: readonly Described[]): string {
  const width = Math.max(...commands.map((command) => usage(command).length));
  const lines = commands.map((command) => `  ${usage(command).padEnd(width)}  ${command.summary}`);
  return `ampsync: blockchain datasets in PostgreSQL

Usage: ampsync <command> [options]

${lines.join("\n")}

  --help, --version; ampsync <command> --help lists the options of a command

Settings are flags or environment variables, --db-pool-size or DB_POOL_SIZE; a flag wins.
docs/configuration.md lists them all.

${EXIT_CODES}`;
}

/** The help of one command. */
export function commandHelp(command: Described): string {
  const switches = command.switches.map((name) => ({ left: `--${name}`, right: SWITCHES[name] }));
  const settings = settingsOf(command.scopes).map((setting) => ({
    left: flagText(setting),
    right: settingText(setting),
  }));
  const section = (title: string, rows: readonly { readonly left: string; readonly right: string }[]) =>
    rows.length === 0
      ? []
      : [`${title}\n${rows.map(({ left, right }) => `  ${left}\n      ${right}`).join("\n")}`];
  return [
    `ampsync ${command.name}: ${command.summary}`,
    ...(command.about === undefined ? [] : [command.about]),
    ...section("Options", switches),
    ...section("Settings, each also an environment variable", settings),
    EXIT_CODES,
  ].join("\n\n");
}

function usage({ name, operands, switches }: Described): string {
  return [name, ...(operands === undefined ? [] : [operands]), ...switches.map((each) => `[--${each}]`)].join(
    " ",
  );
}

function flagText({ names, short }: Setting): string {
  return `${short === undefined ? "" : `-${short}, `}--${flagOf(names[0])}`;
}

function settingText({ about, standard, range, accepts }: Setting): string {
  const limits = range === undefined ? accepts : range.join(" to ");
  const notes = [limits, standard === undefined ? undefined : `default ${standard}`].filter(Boolean);
  const plain = about.replaceAll("`", "").replace(/\[[^\]]*\]\(([^)]+)\)/g, "docs/$1");
  return `${plain}${notes.length === 0 ? "" : ` (${notes.join("; ").replaceAll("`", "")})`}`;
}
