import { flagsOf, IGNORED, type Scope, SETTINGS, type Setting } from "../../src/config/settings.ts";

const TITLES: Readonly<Record<Scope, string>> = {
  database: "The database: all commands",
  worker: "Workers: `ampsync worker`, `ampsync sync`, `ampsync ingest`, `graphile-worker`",
  dataset: "The dataset of `ampsync sync`",
  ingestion: "The API of `ampsync ingest`",
  gateway: "Gateways: `ampsync gateway`",
};

const BLOCK = /(<!-- settings: from src\/config\/settings\.ts -->\n)[\s\S]*?(<!-- end -->)/;

/** The page with the tables of settings as the program has them. */
export function withSettings(page: string): string {
  const tables = Object.entries(TITLES).map(([scope, title]) => table(scope as Scope, title));
  return page.replace(BLOCK, (_, begin, end) => `${begin}\n${[...tables, others()].join("\n\n")}\n\n${end}`);
}

function table(scope: Scope, title: string): string {
  const rows = Object.values(SETTINGS as Readonly<Record<string, Setting>>)
    .filter((setting) => setting.scope === scope)
    .map(row);
  return [
    `## ${title}`,
    "",
    "| variable | further flags | default | accepted | meaning |",
    "|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function row(setting: Setting): string {
  const { names, short, standard, accepts = "", range, recommended, about } = setting;
  const flags = [
    ...(short === undefined ? [] : [`-${short}`]),
    ...flagsOf(setting)
      .slice(names.length)
      .map((flag) => `--${flag}`),
  ];
  const limits = range === undefined ? accepts : range.join(" to ");
  const advice = recommended === undefined ? "" : `, recommended ${recommended.join(" to ")}`;
  const code = (texts: readonly string[]) => texts.map((text) => `\`${text}\``).join(", ");
  const cells = [
    code(names),
    code(flags),
    standard === undefined ? "" : code([standard]),
    limits + advice,
    about,
  ];
  return `| ${cells.join(" | ")} |`.replaceAll("|  |", "| |").replaceAll("|  |", "| |");
}

function others(): string {
  return [
    "## What is ignored",
    "",
    `${IGNORED.map((name) => `\`${name}\``).join(", ")} mean nothing to ampsync: a warning in the log says so.`,
  ].join("\n");
}
