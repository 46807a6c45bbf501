import type { WorkerEvents } from "graphile-worker";
import type pg from "pg";

/**
 * Notifications only make a worker look, because any role that may connect can send one. graphile-worker trusts
 * `worker:migrate`, and stops; so only notifications of jobs are passed on to it, and all others call `look`.
 * `ampsync migrate` notifies the channel ampsync_schema.
 */
export function watchNotifications(events: WorkerEvents, look: () => void): void {
  events.on("pool:listen:success", ({ client }) => {
    const before = client.listeners("notification");
    // graphile-worker adds its listener and sends its LISTEN after this function has returned.
    queueMicrotask(() => {
      const added = client.listeners("notification").filter((listener) => !before.includes(listener));
      for (const listener of added) client.removeListener("notification", listener as Listener);
      client.on("notification", (message) => {
        if (message.channel !== "jobs:insert") look();
        else for (const listener of added) listener.call(client, message);
      });
    });
    client.once("drain", () => {
      // If LISTEN fails, so has the connection, and graphile-worker listens on another one.
      client.query("listen ampsync_schema").then(look, () => {}); // A notification may have been sent before LISTEN.
    });
    events.once("pool:listen:release", () => client.removeAllListeners("notification"));
  });
}

type Listener = (message: pg.Notification) => void;
