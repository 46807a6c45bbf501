/** What is wrong with an address of an Amp server; null if nothing is. */
export function addressProblem(url: URL | null): "no address" | "more than an address" | null {
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return "no address";
  }
  return holdsCredentials(url) ? "more than an address" : null;
}

/**
 * Errors and logs show addresses. So an address has no user, password, query or fragment, and its path, which a
 * gateway may need, has only short plain words.
 */
function holdsCredentials({ username, password, search, hash, pathname }: URL): boolean {
  const isPlain = pathname.split("/").every((part) => /^[A-Za-z0-9._-]{0,24}$/.test(part));
  const isNamed = /token|secret|passw|api-?_?key|bearer/i.test(pathname);
  return username + password + search + hash !== "" || !isPlain || isNamed;
}

/** Whether what may be sent to `known` may be sent to `url`: it is the same port of the same host, and no less encrypted. */
export function isSameHost(url: URL, known: URL): boolean {
  const isEncrypted = url.protocol === "https:" || known.protocol === "http:";
  return isEncrypted && url.hostname === known.hostname && portOf(url) === portOf(known);
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === "https:" ? "443" : "80");
}
