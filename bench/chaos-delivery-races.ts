// npm run chaos -- delivery-sessions 100 | delivery-definitions 100: one client on two gateways at once, and filters that
// are narrowed under a gateway that no notification reaches, so many times. Exit 1 if a round ends otherwise than it must.
import { publish, startPass } from "../tests/support/capture/rig.ts";
import { startDeafGateway } from "../tests/support/delivery/deaf-gateway.ts";
import { NOTES, raceDefinitions } from "../tests/support/delivery/definition-race.ts";
import { TestGateway } from "../tests/support/delivery/gateway.ts";
import { raceSessions, TODOS } from "../tests/support/delivery/session-race.ts";
import { runChaosOf } from "./chaos-delivery.ts";

export async function chaosOfSessions(args: readonly string[]): Promise<void> {
  await runChaosOf("delivery-sessions", args, 100, async (db, { count, seed, onDone }) => {
    await db.query(TODOS);
    await publish(db, ["todos"]);
    await using _pass = startPass(db);
    await db.query("select ampsync.create_shape('todos', 'todos', public => true)");
    await using one = await TestGateway.start(db.url);
    await using other = await TestGateway.start(db.url);
    return await raceSessions(db, { urls: [one.url, other.url], rounds: count, seed, onDone });
  });
}

export async function chaosOfDefinitions(args: readonly string[]): Promise<void> {
  await runChaosOf("delivery-definitions", args, 100, async (db, { count, seed, onDone }) => {
    await db.query(NOTES);
    await publish(db, ["notes"]);
    await using _pass = startPass(db);
    await using gateway = await startDeafGateway(db.url);
    return await raceDefinitions(db, { url: gateway.url, rounds: count, seed, onDone });
  });
}
