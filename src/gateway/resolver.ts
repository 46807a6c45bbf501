import type { WishAnswer } from "../db/gateway-answers.ts";
import type { GatewayCalls } from "../db/gateway-calls.ts";
import type { Log } from "../log.ts";
import type { TableForm } from "../wire/from-gateway.ts";
import { type DefinitionsCache, tableOf } from "./definitions.ts";
import { Load, type LoadMeans } from "./load.ts";
import { closingOf } from "./refusal.ts";
import { answerOf, type Session } from "./session.ts";
import { asked, judged, type Subscription } from "./subscription.ts";

const AGAIN_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

export interface ResolverOptions {
  readonly calls: GatewayCalls;
  readonly definitions: DefinitionsCache;
  readonly loads: LoadMeans;
  readonly log: Log;
  readonly sessions: () => ReadonlySet<Session>;
  readonly wake: () => void;
}

/** Keeps what sessions have of their shapes in step with what the database says of these. */
export class Resolver {
  readonly #options: ResolverOptions;
  /** Sessions that are being asked about: true where they are to be asked about once more. */
  readonly #asking = new Map<Session, boolean>();

  /** Sessions with tables that cannot be loaded yet. */
  readonly #waiting = new WeakMap<Session, { readonly pause: number; readonly timer: NodeJS.Timeout }>();

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** Definitions at least as new as these. Sessions of what changed learn it before they are sent anything more. */
  async know(version: string): Promise<void> {
    const { definitions } = this.#options;
    if (definitions.version !== version) this.changed(await definitions.load());
  }

  changed(names: ReadonlySet<string>): void {
    for (const session of this.#options.sessions()) {
      if (session.wishes.some(({ shape }) => names.has(shape))) this.resolve(session);
    }
  }

  /** Asks the database about all wishes of a session; until it has answered, the session is sent nothing. */
  resolve(session: Session): void {
    session.isResolving = true;
    if (this.#asking.has(session)) this.#asking.set(session, true);
    else void this.#resolve(session);
  }

  async #resolve(session: Session): Promise<void> {
    const { calls, log, wake } = this.#options;
    this.#asking.set(session, false);
    try {
      const { client, generation, token } = session;
      const { definitions, shapes } = await calls.resolveShapes(client, generation, token, session.asHello());
      await this.know(definitions);
      if (this.#asking.get(session) === false) this.apply(session, shapes, true);
    } catch (error) {
      const { code, close, message } = closingOf(error);
      log.debug("resolve_failed", { client: session.client, error: code });
      session.close(close, message);
    } finally {
      const again = this.#asking.get(session) === true;
      this.#asking.delete(session);
      if (again) void this.#resolve(session);
      else {
        session.isResolving = false;
        wake();
      }
    }
  }

  /** Takes answers to all wishes of a session. `isTold`: the client is told of what changed. */
  apply(session: Session, answers: readonly WishAnswer[], isTold: boolean): void {
    const { definitions } = this.#options;
    const before = session.subscriptions;
    const after = new Map<string, Subscription>();
    const changed: WishAnswer[] = [];
    for (const answer of answers) {
      const known = before.get(answer.id);
      if (known === undefined) continue; // The client ended it meanwhile.
      const subscription = judged(known, answer, definitions.form(answer.shape_id));
      after.set(answer.id, subscription);
      if (subscription !== known) changed.push(answer);
    }
    for (const [id, subscription] of before) {
      if (!after.has(id)) after.set(id, subscription); // Asked for meanwhile: it is asked about next.
    }
    if (changed.length > 0) {
      session.subscriptions = after;
      session.changed();
      if (isTold) for (const { id } of changed) session.untold.add(id);
    }
    this.tell(session);
    this.#load(session);
  }

  /** Tells a client what has become of its wishes, in one message, once it takes more. Called again when it may. */
  tell(session: Session): void {
    if (session.untold.size === 0 || !session.line.isFree) return;
    const told = [...session.untold].flatMap((id) => session.subscriptions.get(id)?.answer ?? []);
    session.untold.clear();
    if (told.length > 0) {
      session.line.send({ t: "shapes", shapes: told.map(answerOf), tables: this.tables(session) });
    }
    this.#options.wake();
  }

  /** The tables of a session's shapes. */
  tables(session: Session): TableForm[] {
    const forms = [...session.subscriptions.values()].flatMap(({ form, mode }) =>
      form === null || mode === "failed" ? [] : [form],
    );
    return [...new Map(forms.map((form) => [form.table, tableOf(form)])).values()];
  }

  subscribe(session: Session, wishes: readonly Subscription["wish"][]): void {
    const subscriptions = new Map(session.subscriptions);
    const replaced = wishes.flatMap((wish) => subscriptions.get(wish.id) ?? []);
    for (const wish of wishes) subscriptions.set(wish.id, asked(wish));
    session.ended = [...session.ended, ...replaced]; // What of it nothing else holds goes.
    session.subscriptions = subscriptions;
    session.changed();
    this.resolve(session);
  }

  unsubscribe(session: Session, ids: readonly string[]): void {
    const subscriptions = new Map(session.subscriptions);
    const ended = ids.flatMap((id) => subscriptions.get(id) ?? []);
    for (const { wish } of ended) subscriptions.delete(wish.id);
    session.subscriptions = subscriptions;
    session.ended = [...session.ended, ...ended];
    session.changed();
    this.resolve(session);
  }

  /** Begins the load of what is to be loaded, unless that is under way. */
  #load(session: Session): void {
    const { loads, wake } = this.#options;
    const all = [...session.subscriptions.values()].filter(
      ({ mode, form }) => mode === "load" && form !== null,
    );
    const wanted = all.filter(({ answer }) => answer?.waits !== true);
    this.#askLater(session, wanted.length < all.length);
    const current = session.load?.subscriptions ?? [];
    if (current.length === wanted.length && wanted.every((each) => current.includes(each))) return;
    session.load?.cancel();
    session.load = null;
    if (wanted.length === 0) return;
    session.load = new Load(session, wanted, loads);
    session.load.start(wake);
  }

  /** What cannot be loaded yet is asked about again, after a pause that grows. */
  #askLater(session: Session, waits: boolean): void {
    const { pause } = this.#waiting.get(session) ?? { pause: 0 };
    clearTimeout(this.#waiting.get(session)?.timer);
    this.#waiting.delete(session);
    if (!waits) return;
    const next = Math.min(Math.max(pause * 2, AGAIN_MS), LONGEST_PAUSE_MS);
    const timer = setTimeout(() => {
      if (this.#options.sessions().has(session)) this.resolve(session);
    }, next).unref();
    this.#waiting.set(session, { pause: next, timer });
  }
}
