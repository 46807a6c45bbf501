import { BlockList, isIP } from "node:net";

import { AmpsyncError } from "../errors.ts";

/** One entry of AMPSYNC_HTTP_ALLOW. */
interface AllowedHost {
  /** In lower case, as a URL has it; without the `*` that stands for a sub-domain. */
  readonly host: string;
  readonly hasStar: boolean;
  /** Null: the port that https, or http, has by itself. */
  readonly port: number | null;
  readonly mayBePlain: boolean;
  /** The names of the secrets that may be sent there. */
  readonly secrets: readonly string[];
}

/** `[http://][*.]host[:port][=SECRET[+SECRET…]]` */
const ENTRY =
  /^(?<plain>http:\/\/)?(?<star>\*\.)?(?<host>\[[0-9a-f:.]+\]|[^\s/:=*@[\]?#]+)(?::(?<port>\d{1,5}))?(?:=(?<secrets>[^=]+))?$/iu;
const SECRET = /^[A-Z][A-Z0-9_]*$/;

const RETRY_S = 60;

/** Addresses of this machine and of networks that are not public, also where they are written as addresses of IPv6. */
const PRIVATE = blockList([
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
  ...["192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"],
  ...["::/127", "64:ff9b::/96", "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"],
]);
/** Where clouds tell machines their secrets. */
const LINK_LOCAL = blockList(["169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128"]);

/**
 * Where the operator lets requests of HTTP sources go, and which secrets may be sent there. Sources are defined in SQL; none
 * of them can aim a worker, or a secret, anywhere else.
 */
export class AllowList {
  readonly #entries: readonly AllowedHost[];

  private constructor(entries: readonly AllowedHost[]) {
    this.#entries = entries;
  }

  /** What is wrong is added to `problems`. */
  static parse(text: string, problems: string[]): AllowList {
    const entries = text
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "")
      .flatMap((entry) => {
        const parsed = parseEntry(entry);
        if (parsed === null)
          problems.push(`${JSON.stringify(entry.slice(0, 100))} is no host with its secrets`);
        return parsed ?? [];
      });
    return new AllowList(entries);
  }

  /** The same list with this origin, and one secret for it. */
  with(origin: URL, secret: string): AllowList {
    const { protocol, hostname: host, port } = origin;
    const entry = { host, hasStar: false, port: port === "" ? null : Number(port), secrets: [secret] };
    return new AllowList([...this.#entries, { ...entry, mayBePlain: protocol === "http:" }]);
  }

  /** Hosts to which a secret may go as everybody on the way can read it. */
  get plainHosts(): readonly string[] {
    const hosts = this.#entries.filter(
      ({ host, mayBePlain, secrets }) => mayBePlain && secrets.length > 0 && !isThisMachine(host),
    );
    return [...new Set(hosts.map(({ host }) => host))];
  }

  /** SY305 if no request may go there; null: it may. */
  refuses(url: URL): AmpsyncError | null {
    const entries = this.#entriesOf(url);
    return entries.length > 0
      ? null
      : refusal("SY305", `this worker may not call ${url.origin}`, {
          detail: "AMPSYNC_HTTP_ALLOW does not list it.",
          hint: `Add ${entryOf(url)} to AMPSYNC_HTTP_ALLOW of the workers, and start them again.`,
        });
  }

  /** The same for the address that stands behind a name when the connection is made. */
  refusesAddress(url: URL, address: string): AmpsyncError | null {
    const entries = this.#entriesOf(url);
    const isLiteral = entries.some(({ host }) => unbracketed(host) === address);
    const isNamed = entries.some(({ hasStar }) => !hasStar);
    const mayBe = isLiteral || (isNamed ? !isIn(LINK_LOCAL, address) : !isIn(PRIVATE, address));
    return mayBe && entries.length > 0
      ? null
      : refusal("SY305", `this worker may not call ${url.origin}, which is ${address}`, {
          detail: isIn(LINK_LOCAL, address)
            ? "A link-local address must be listed itself in AMPSYNC_HTTP_ALLOW."
            : "An address of this machine or of a private network needs an entry of AMPSYNC_HTTP_ALLOW without *.",
          hint: `Add ${isIn(LINK_LOCAL, address) ? address : entryOf(url)} to AMPSYNC_HTTP_ALLOW of the workers, if that is meant, and start them again.`,
        });
  }

  /** SY306 if this secret may not be sent there. */
  refusesSecret(url: URL, secret: string): AmpsyncError | null {
    return this.#entriesOf(url).some(({ secrets }) => secrets.includes(secret))
      ? null
      : refusal("SY306", `the secret ${secret} may not be sent to ${url.origin}`, {
          detail: "AMPSYNC_HTTP_ALLOW does not name it for this host.",
          hint: `Write ${entryOf(url)}=${secret} in AMPSYNC_HTTP_ALLOW of the workers, and start them again.`,
        });
  }

  #entriesOf({ protocol, hostname, port }: URL): readonly AllowedHost[] {
    return this.#entries.filter(
      (entry) =>
        (entry.hasStar ? hostname.endsWith(`.${entry.host}`) : hostname === entry.host) &&
        (port === "" ? null : Number(port)) === portOf(entry, protocol) &&
        (protocol === "https:" || (protocol === "http:" && entry.mayBePlain)),
    );
  }
}

/** The worker has no value for this secret. */
export function missingSecret(secret: string): AmpsyncError {
  return refusal("SY306", `this worker does not have the secret ${secret}`, {
    detail: `Neither AMPSYNC_SECRET_${secret} nor AMPSYNC_SECRET_${secret}_FILE gives it.`,
    hint: `Set AMPSYNC_SECRET_${secret} for the workers, and start them again.`,
  });
}

function refusal(
  code: "SY305" | "SY306",
  message: string,
  fields: { readonly detail: string; readonly hint: string },
): AmpsyncError {
  return new AmpsyncError(code, message, { ...fields, retryAfterS: RETRY_S });
}

function parseEntry(text: string): AllowedHost | null {
  const groups = ENTRY.exec(text)?.groups;
  const host = groups?.["host"] === undefined ? null : hostOf(groups["host"]);
  const secrets = groups?.["secrets"]?.split("+") ?? [];
  const port = groups?.["port"] === undefined ? null : Number(groups["port"]);
  const hasStar = groups?.["star"] !== undefined;
  if (
    host === null ||
    !secrets.every((name) => SECRET.test(name)) ||
    (port !== null && !(port > 0 && port < 65_536))
  ) {
    return null;
  }
  if (hasStar && isIP(unbracketed(host)) !== 0) return null;
  return { host, hasStar, port, mayBePlain: groups?.["plain"] !== undefined, secrets };
}

/** As URLs write it: in lower case, in punycode, an address in its usual form. */
function hostOf(text: string): string | null {
  return URL.parse(`https://${text}/`)?.hostname || null;
}

/** The port of an entry, as a URL of this protocol has it: null where it goes without saying. */
function portOf({ port }: AllowedHost, protocol: string): number | null {
  return port === (protocol === "https:" ? 443 : 80) ? null : port;
}

function entryOf({ protocol, host }: URL): string {
  return protocol === "http:" ? `http://${host}` : host;
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

function isThisMachine(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.[\d.]+$/.test(host);
}

function blockList(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = "", bits] = subnet.split("/");
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

/** An IPv4 address that is written as one of IPv6 is in the lists of IPv4 too. */
function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}
