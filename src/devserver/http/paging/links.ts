import type { ApiRequest } from "../request.ts";
import type { World } from "../style.ts";

/** The URL of the same request with another place, without its secrets. */
export function linkTo(
  { url }: ApiRequest,
  { faults, origin }: World,
  place: Readonly<Record<string, string>>,
): string {
  const link = new URL(`${url.pathname}${url.search}`, faults.pages.linkOrigin ?? origin);
  for (const [name, value] of Object.entries(place)) link.searchParams.set(name, value);
  for (const secret of faults.secrets) {
    const name = secret.in === "query" ? secret.name : "api_key";
    if (faults.pages.linkEchoesSecret) link.searchParams.set(name, secret.value);
    else link.searchParams.delete(name);
  }
  return link.href;
}
