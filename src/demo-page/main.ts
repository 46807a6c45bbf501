import { type Client, createClient } from "../client/client.ts";
import type { ClientStatus } from "../client/status.ts";
import { showBlocks } from "./blocks.ts";
import { byId, say, show } from "./dom.ts";
import type { Live } from "./live.ts";
import { askSetting, showServer } from "./server.ts";
import { bytesOf, countOf, lagOf } from "./texts.ts";
import { showStatements, showTodos } from "./todos.ts";

declare global {
  interface Window {
    /** For whoever opens the console: `await client.query("select …")`. */
    client?: Client;
  }
}

const LEADERS: Readonly<Record<ClientStatus["leader"], string>> = {
  here: "this window",
  elsewhere: "another window",
  opening: "none yet",
  leader_frozen: "one that does not answer",
};

/** Believed by gateways of a demo alone: nobody signed it. */
function token(): string {
  const part = (value: object) => btoa(JSON.stringify(value)).replaceAll("=", "");
  return `${part({ alg: "none" })}.${part({ sub: "demo", iat: Math.floor(Date.now() / 1000) })}.`;
}

async function begin(): Promise<void> {
  const { gatewayUrl, schema, psql, statements } = await askSetting();
  showStatements("statements", [["open psql", psql], ...statements]);
  const client = await createClient({
    url: gatewayUrl,
    store: "ampsync-demo",
    worker: () => new Worker("/worker.js", { type: "module" }),
    token,
    shapes: [{ shape: "recent_blocks" }, { shape: "recent_logs" }, { shape: "todos" }],
  });
  window.client = client;
  client.onStatus(showStatus);
  // Not asked before: on a busy machine opening the store takes longer than a request may.
  await client.ready();
  const { rows } = await client.query<{ id: string }>("select client_id::text as id from ampsync.state");
  const id = rows[0]?.id ?? "";
  showStatements("server-sql", [
    ["as a client", `select * from ampsync.clients where client_id = '${id}';`],
    ["as a session", `select * from ampsync.sessions where client_id = '${id}';`],
  ]);
  showServer(async () => id);
  const live: Live = async (sql, onRows) => {
    await client.live(sql, [], (found) => onRows(found as never));
  };
  await showBlocks(live, schema);
  await showTodos(live);
}

function showStatus({ phase, connected, position, lagMs, store, leader, error }: ClientStatus): void {
  const shown = connected ? phase : `${phase}, not connected`;
  const state = connected && phase === "live" ? "good" : "waiting";
  const { dataset } = byId("now-phase");
  if (dataset["state"] !== state) say(shown);
  dataset["state"] = state;
  show("now-phase", shown);
  show("here-phase", shown);
  for (const where of ["now", "here"]) {
    show(`${where}-lag`, lagOf(lagMs));
    show(`${where}-position`, phase === "new" ? "–" : countOf(position));
  }
  show("here-leader", LEADERS[leader]);
  show("here-store", store.bytes === "0" ? "–" : `${store.kind}, ${bytesOf(store.bytes)}`);
  showProblem(error === null ? null : `${error.code}: ${error.message}`);
}

function showProblem(text: string | null): void {
  if (byId("problem").dataset["end"] !== undefined) return;
  byId("problem").hidden = text === null;
  show("problem", text ?? "");
}

begin().catch((error: unknown) => {
  showProblem(error instanceof Error ? error.message : String(error));
  // Nothing follows that could make it good.
  byId("problem").dataset["end"] = "";
});
