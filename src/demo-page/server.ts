import { byId, make, Rows, say, show } from "./dom.ts";
import { bytesOf, countOf, lagOf } from "./texts.ts";

/** What the demo tells once. */
export interface Setting {
  readonly gatewayUrl: string;
  readonly schema: string;
  readonly psql: string;
  readonly statements: readonly (readonly [name: string, text: string])[];
}

interface Gateway {
  readonly address: string;
  readonly pid: number | null;
  readonly state: "starting" | "serving" | "killed";
  readonly kills: number;
}

interface State {
  readonly gateways: readonly Gateway[];
  /** Rows of ampsync.clients and ampsync.sessions. */
  readonly client: {
    readonly phase: string;
    readonly position: string | null;
    readonly lag_ms: string | null;
    readonly store: { readonly kind: string; readonly bytes: string } | null;
  } | null;
  readonly session: { readonly gateway: string | null; readonly bytes: string } | null;
}

const LOOK_EVERY_MS = 1_000;

export async function askSetting(): Promise<Setting> {
  return (await fetch("/setting")).json();
}

/** The same as the server sees it, the gateways, and both buttons. */
export function showServer(clientId: () => Promise<string>): void {
  const rows = new Rows<Gateway & { serves: boolean }>(
    "gateway-rows",
    ({ address, state, pid, serves, kills }) => `${address} ${state} ${pid} ${serves} ${kills}`,
    gatewayRow,
  );
  let serving: string | null = null;
  const look = async () => {
    const id = await clientId();
    const state: State = await (await fetch(`/state?client=${id}`)).json();
    serving = state.session?.gateway ?? null;
    rows.set(state.gateways.map((gateway) => ({ ...gateway, serves: gateway.address === serving })));
    showClient(state);
    const alive = state.gateways.filter((gateway) => gateway.state === "serving").length;
    byId<HTMLButtonElement>("kill").disabled = alive === 0;
  };
  const again = () =>
    void look()
      .catch(() => show("there-phase", "the demo does not answer"))
      .finally(() => setTimeout(again, LOOK_EVERY_MS));
  again();

  button("kill", async () => {
    const killed = await post("/kill-gateway", { address: serving });
    say(killed === null ? "No gateway serves." : `The gateway at ${killed["address"]} was killed.`);
  });
  button("reorg", async () => {
    await post("/reorg", {});
  });
}

function showClient({ client, session }: State): void {
  show("there-phase", client?.phase ?? "–");
  show("there-position", client?.position == null ? "–" : countOf(client.position));
  show("there-lag", lagOf(client?.lag_ms == null ? null : Number(client.lag_ms)));
  show("there-bytes", session === null ? "–" : bytesOf(session.bytes));
  show("there-store", client?.store == null ? "–" : `${client.store.kind}, ${bytesOf(client.store.bytes)}`);
}

function gatewayRow(
  { address, pid, state, kills, serves }: Gateway & { serves: boolean },
  isFirst: boolean,
): HTMLElement {
  const notes = [
    state === "killed" ? "killed; another is started soon" : state,
    ...(pid === null ? [] : [`process ${pid}`]),
    ...(kills === 0 || state === "killed"
      ? []
      : [`killed ${kills} ${kills === 1 ? "time" : "times"} before`]),
  ];
  return make(
    "li",
    { class: isFirst ? state : `${state} new` },
    make(
      "span",
      { class: "title" },
      make("code", {}, address),
      make("span", { class: "more" }, notes.join(", ")),
    ),
    make("span", { class: "id" }, serves ? "serves this window" : ""),
  );
}

/** A button that is not pressed twice at once. */
function button(id: string, act: () => Promise<void>): void {
  const element = byId<HTMLButtonElement>(id);
  element.disabled = false;
  element.addEventListener("click", () => {
    if (element.getAttribute("aria-busy") === "true") return;
    element.setAttribute("aria-busy", "true");
    act()
      .catch((error: unknown) => say(String(error)))
      .finally(() => element.removeAttribute("aria-busy"));
  });
}

async function post(path: string, body: object): Promise<Record<string, unknown> | null> {
  const response = await fetch(path, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return await response.json();
}
