import type { WorkerEvents } from "graphile-worker";
import type pg from "pg";

/**
 * Notifications only make a worker look: any role that may connect can send one. graphile-worker believes what it
 * is told on `worker:migrate`, and stops; so it hears of jobs alone, and whatever else comes calls `look`.
 * `ampsync migrate` tells on the channel ampsync_schema.
 */
export function watchNotifications(events: WorkerEvents, look: () => void): void {
  events.on("pool:listen:success", ({ client }) => {
    const before = client.listeners("notification");
    // graphile-worker adds its listener and sends its LISTEN when this has returned.
    queueMicrotask(() => {
      const added = client.listeners("notification").filter((listener) => !before.includes(listener));
      for (const listener of added) client.removeListener("notification", listener as Listener);
      client.on("notification", (message) => {
        if (message.channel !== "jobs:insert") look();
        else for (const listener of added) listener.call(client, message);
      });
    });
    client.once("drain", () => {
      // If it fails, its connection did, and graphile-worker listens on another one.
      client.query("listen ampsync_schema").then(look, () => {}); // Something may have come before it.
    });
    events.once("pool:listen:release", () => client.removeAllListeners("notification"));
  });
}

type Listener = (message: pg.Notification) => void;
