import { Counted } from "../client/counted.ts";
import { TestClient } from "../client/test-client.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { waitFor } from "../wait-for.ts";
import { BadNetwork } from "./bad-network.ts";
import { tokenOf } from "./gateway.ts";
import { keepJournal } from "./journal.ts";
import { differences } from "./oracle.ts";
import { Writers } from "./writers.ts";

interface NetworkOptions {
  readonly url: string;
  readonly clients: number;
  readonly cutMs: number;
  readonly cuts: number;
  readonly seed: number;
  readonly shapes: readonly { readonly shape: string }[];
  readonly onDone?: (n: number) => void;
}

interface Outcome {
  readonly cuts: number;
  readonly truncated: number;
  readonly ghosts: number;
  readonly committed: number;
  readonly connections: number;
  readonly loads: number;
  readonly differences: readonly string[];
}

/** Clients behind a network that breaks all the time, under load; once it holds they have everything, each step once. */
export async function breakNetwork(
  db: TestDatabase,
  { url, clients, cutMs, cuts, seed, shapes, onDone = () => {} }: NetworkOptions,
): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await BadNetwork.start(url, { seed, cutMs }));
  const all: TestClient[] = [];
  const counted: Counted[] = [];
  for (let n = 0; n < clients; n++) {
    const own =
      n % 2 === 0 ? shapes : shapes.map(({ shape }) => ({ shape: shape.replace(/^todos$/, "my_todos") }));
    const token = () => tokenOf({ sub: `w${n}` });
    const client = stack.use(await TestClient.start(network.url, { shapes: own, token }));
    await keepJournal(client.client);
    all.push(client);
    counted.push(new Counted(client.client));
  }
  let committed = 0;
  const before = network.cuts;
  let seen = 0;
  {
    await using writers = new Writers(db, { writers: 3, seed, pauseMs: 40 });
    await waitFor(
      "the network to break so often",
      () => {
        if (network.cuts - before > seen) onDone(seen++);
        // As a browser does when it is online again; or each waited longer than the network holds.
        for (const { client } of all) client.wake();
        return network.cuts - before >= cuts && writers.committed > 0;
      },
      cuts * cutMs + 60_000,
    );
    network.heal();
    committed = writers.committed;
  }
  const found: string[] = [];
  for (const [n, { client }] of all.entries()) {
    client.wake();
    const differ = await differences(db, client, { claims: { sub: `w${n}` } });
    found.push(...differ.map((each) => `client ${n}: ${each}`));
  }
  const { truncated, ghosts } = network;
  const connections = counted.reduce((sum, each) => sum + each.connections, 0);
  const loads = counted.reduce((sum, each) => sum + each.loads, 0);
  return { cuts: network.cuts, truncated, ghosts, committed, connections, loads, differences: found };
}
