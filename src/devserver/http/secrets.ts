import type { ApiRequest } from "./request.ts";

/** A secret that requests must carry, and where. */
export type Secret =
  | { readonly in: "header" | "query"; readonly name: string; readonly value: string }
  /** By a JSON Pointer into the body. */
  | { readonly in: "body"; readonly pointer: string; readonly value: string }
  | { readonly in: "basic"; readonly user: string; readonly value: string };

/** Whether a request carries the secret. */
export function carries({ url, headers, body }: ApiRequest, secret: Secret): boolean {
  switch (secret.in) {
    case "header":
      return headers[secret.name.toLowerCase()] === secret.value;
    case "query":
      return url.searchParams.getAll(secret.name).join() === secret.value;
    case "body":
      return textAt(body, secret.pointer) === secret.value;
    case "basic": {
      const pair = Buffer.from(`${secret.user}:${secret.value}`).toString("base64");
      return headers.authorization === `Basic ${pair}`;
    }
  }
}

function textAt(body: string, pointer: string): unknown {
  try {
    return pointer
      .split("/")
      .slice(1)
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
      .reduce((value: unknown, part) => Reflect.get(Object(value), part), JSON.parse(body));
  } catch {
    return undefined;
  }
}
