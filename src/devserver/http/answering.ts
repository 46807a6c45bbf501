import { BadRequest } from "./bad-request.ts";
import type { Faults } from "./faults.ts";
import { LIMIT_TEXTS } from "./limits/limit-texts.ts";
import { type Excess, type RateLimit, retryAfter } from "./limits/rate-limit.ts";
import type { Item } from "./records/item.ts";
import type { Rendered } from "./records/rendered.ts";
import type { ApiRequest } from "./request.ts";
import { carries } from "./secrets.ts";
import type { Page, Refusal, Style, World } from "./style.ts";
import { bodyOf, holdsRecords } from "./trouble/body.ts";
import type { Trouble } from "./trouble/trouble.ts";
import type { Answer } from "./trouble/wire.ts";

/** How GitHub refuses what is above its secondary limits. */
const SECONDARY = { status: 403, retryAfter: "seconds", text: "github secondary" } as const;

/** What every answer of a server is made from. */
export interface Answering {
  readonly style: Style;
  readonly faults: Readonly<Faults>;
  readonly rate: RateLimit;
  readonly rendered: Rendered;
}

/** An answer, and the records that stand in it. */
export interface FullAnswer extends Answer {
  readonly items: readonly Item[];
}

/** The answer to a request, with the trouble that shows in its text. */
export function answerTo(
  server: Answering,
  request: ApiRequest,
  world: World,
  excess: Excess | null,
  trouble: Trouble,
): FullAnswer {
  const { style, faults, rate } = server;
  const serverNow = world.now + faults.limits.skewS * 1000;
  const common = { Date: new Date(serverNow).toUTCString(), ...rate.headers(world.now, style.dialect) };
  if (excess !== null || trouble.limited !== undefined) {
    return limited(server, excess ?? { waitS: 1, isSecondary: false }, trouble, common, serverNow);
  }
  const outcome = outcomeOf(server, request, world, trouble);
  if (outcome.kind === "refusal") {
    const headers = { ...common, "Content-Type": style.contentType, ...outcome.headers, ...trouble.headers };
    return { status: outcome.status, headers, body: Buffer.from(trouble.text ?? outcome.body), items: [] };
  }
  const { before, items, after, variant } = outcome;
  const records = server.rendered.pageOf(items, variant);
  const { body, type } = bodyOf({ before, records, after }, style.contentType, trouble);
  return {
    status: trouble.status ?? 200,
    headers: { ...common, "Content-Type": type, ...outcome.headers, ...trouble.headers },
    body,
    items: holdsRecords(trouble) ? items : [],
  };
}

function outcomeOf(server: Answering, request: ApiRequest, world: World, trouble: Trouble): Page | Refusal {
  const { style, faults } = server;
  const refuse = (status: number, message: string, param?: string): Refusal => ({
    kind: "refusal",
    status,
    body: style.errorBody(status, message, param),
  });
  if (trouble.redirect !== undefined) {
    const { to } = trouble.redirect;
    const headers = to === null ? {} : { Location: to };
    return { ...refuse(trouble.status ?? 302, "it is elsewhere"), headers };
  }
  if (trouble.status !== undefined && trouble.status >= 300) {
    return refuse(trouble.status, "the server was told to fail");
  }
  if (!faults.secrets.every((secret) => carries(request, secret))) {
    return refuse(401, "the secret is missing or wrong");
  }
  if (request.url.pathname !== style.path) return refuse(404, `there is nothing at ${request.url.pathname}`);
  if (request.method !== style.method) return refuse(405, `${style.path} takes ${style.method} only`);
  try {
    return style.answer(request, world);
  } catch (error) {
    if (error instanceof BadRequest) return refuse(error.status, error.message, error.param);
    throw error;
  }
}

function limited(
  { style, faults }: Answering,
  excess: Excess,
  trouble: Trouble,
  common: Readonly<Record<string, string>>,
  serverNow: number,
): FullAnswer {
  const secondary = excess.isSecondary ? SECONDARY : {};
  const refusal = { ...style.limitRefusal, ...secondary, ...faults.limits.refusal, ...trouble.limited };
  const waitS = refusal.retryAfterS ?? excess.waitS;
  const body =
    refusal.text === null
      ? style.errorBody(refusal.status, "too many requests")
      : JSON.stringify(LIMIT_TEXTS[refusal.text]);
  return {
    status: refusal.status,
    headers: {
      ...common,
      "Content-Type": style.contentType,
      ...retryAfter(refusal, waitS, serverNow),
      ...trouble.headers,
    },
    body: Buffer.from(body),
    items: [],
  };
}
