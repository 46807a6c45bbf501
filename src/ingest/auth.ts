import { AmpsyncError } from "../errors.ts";
import { missingSecret } from "../http/allow-list.ts";
import { withValueAt } from "../http/json.ts";
import { withParams } from "../http/url-params.ts";
import { holdsSecret } from "../model/secrets.ts";
import type { PageRequest } from "./page-request.ts";
import type { Auth } from "./source.ts";

/** Shorter texts would be found by chance. */
const SHORTEST_FOUND = 4;

/** The secrets that a request was sent with, by name. */
export type SentSecrets = ReadonlyMap<string, string>;

/** The values of the secrets that a source names, as this worker has them now. SY306 if it lacks one. */
export function readSecrets(auth: readonly Auth[], secretOf: (name: string) => string | null): SentSecrets {
  return new Map(
    auth.map(({ secret }) => {
      const value = secretOf(secret);
      if (value === null) throw missingSecret(secret);
      return [secret, value];
    }),
  );
}

/** The request with its secrets in their places. */
export function withSecrets(request: PageRequest, auth: readonly Auth[], secrets: SentSecrets): PageRequest {
  return auth.reduce(
    (filled, each) => withSecret(filled, each, each.prefix + secrets.get(each.secret)!),
    request,
  );
}

function withSecret(request: PageRequest, { kind, name }: Auth, value: string): PageRequest {
  const { url, headers, body } = request;
  switch (kind) {
    case "header":
      return { ...request, headers: { ...headers, [name.toLowerCase()]: value } };
    case "query":
      return { ...request, url: withParams(url, new Map([[name, value]])) };
    case "body":
      return { ...request, body: body === null ? null : withValueAt(body, name, JSON.stringify(value)) };
    case "basic": {
      const credentials = Buffer.from(`${name}:${value}`).toString("base64");
      return { ...request, headers: { ...headers, authorization: `Basic ${credentials}` } };
    }
    default:
      return kind satisfies never;
  }
}

/** Refuses what the next request is made from where it would store, and send, a secret: a server echoes it. */
export function refuseSecretIn(text: string, secrets: SentSecrets): void {
  for (const [name, value] of secrets) {
    const texts = [text, text.replaceAll("+", " ")]; // As queries write a space.
    if (value.length >= SHORTEST_FOUND && texts.some((each) => holdsSecret(each, value))) {
      throw new AmpsyncError("SY303", `The answer puts the secret ${name} into what leads to the next page`, {
        detail: "It would be stored with the position of the source, which others may read.",
        hint: "Retried automatically. Send the secret in a header, if the API accepts that, or report it to those who run the API.",
      });
    }
  }
}
