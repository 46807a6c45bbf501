import { AmpsyncError } from "../errors.ts";

/** What keeps two programs from speaking TLS with each other. */
type TlsProblem =
  | "untrusted" // nobody that we trust has signed the server's certificate
  | "date" // it has expired, or is not valid yet
  | "name" // it is for another host
  | "wanted" // the server wants a certificate of ours
  | "refused" // it does not accept ours
  | "handshake" // there is no common version or cipher
  | "plain" // the server does not speak TLS
  | "files"; // our own certificate or key cannot be used

/** By the codes of Node.js and OpenSSL, the first that fits. Versions of OpenSSL name the same alert differently. */
const CODES: readonly (readonly [RegExp, TlsProblem])[] = [
  [/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/, "date"],
  [/^(ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)$/, "name"],
  [
    /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET_ISSUER|VERIFY|DECODE)_|INVALID_(CA|PURPOSE)$|PATH_LENGTH_)/,
    "untrusted",
  ],
  [/^ERR_SSL_.*ALERT_CERTIFICATE_REQUIRED$/, "wanted"],
  [
    /^ERR_SSL_.*ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_\w+|ACCESS_DENIED)$/,
    "refused",
  ],
  [
    /^ERR_SSL_.*(PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|HANDSHAKE_FAILURE|NO_SHARED_CIPHER|NO_APPLICATION_PROTOCOL)$/,
    "handshake",
  ],
  [/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE)$/, "plain"],
  [/^ERR_OSSL_/, "files"],
];

/** How the driver reports a server without TLS; it has no code for that. */
const PLAIN_POSTGRES = "The server does not support SSL connections";
/** More than any library wraps an error. */
const MOST_CAUSES = 5;

/** The hints name settings, which differ; `who` is the server. */
interface Texts {
  readonly who: string;
  readonly hints: Readonly<Record<TlsProblem, string>>;
}

const AMP: Texts = {
  who: "the Amp server",
  hints: {
    untrusted:
      "Set AMP_TLS_CA_FILE to a PEM file with the certificate of the authority that signed it, and start the worker again.",
    date: "Retried automatically. Renew the certificate on the server, or set the clock of this machine.",
    name: "Retried automatically. Use a name of the certificate in the address, or have one issued for this name.",
    wanted:
      "Set AMP_TLS_CERT_FILE and AMP_TLS_KEY_FILE, and start the worker again. The certificate is sent to the hosts of AMP_FLIGHT_ADDR and AMP_ADMIN_API_ADDR alone.",
    refused:
      "Retried automatically. Replace the files that AMP_TLS_CERT_FILE and AMP_TLS_KEY_FILE name: each connection reads them again.",
    handshake:
      "Retried automatically. Have the server, or the proxy in front of it, allow TLS 1.2 or 1.3. A server that wants a client certificate may report this, too: AMP_TLS_CERT_FILE.",
    plain: "Use http:// in the address, or the port on which the server speaks TLS.",
    files:
      "Retried automatically. Correct the files that AMP_TLS_CA_FILE, AMP_TLS_CERT_FILE and AMP_TLS_KEY_FILE name.",
  },
};

const DATABASE: Texts = {
  who: "PostgreSQL",
  hints: {
    untrusted:
      "Name a PEM file with the certificate of the authority that signed it: sslrootcert in DATABASE_URL, or PGSSLROOTCERT.",
    date: "Renew the certificate on the server (ssl_cert_file, then select pg_reload_conf();), or set the clock of this machine.",
    name: "Use a name of the certificate in DATABASE_URL, or sslmode=verify-ca, which does not compare names.",
    wanted: "Name a certificate and its key: sslcert and sslkey in DATABASE_URL, or PGSSLCERT and PGSSLKEY.",
    refused:
      "Replace the files that sslcert and sslkey name with what an authority in the server's ssl_ca_file has signed: each connection reads them again.",
    handshake: "Have the server allow TLS 1.2 or 1.3 (ssl_min_protocol_version, ssl_max_protocol_version).",
    plain: "Set ssl = on on the server, or sslmode=disable in DATABASE_URL.",
    files: "Correct the files that sslrootcert, sslcert and sslkey name.",
  },
};

const SOURCE: Texts = {
  who: "the API",
  hints: {
    untrusted:
      "Start the worker with NODE_EXTRA_CA_CERTS, the path of a PEM file with the certificate of the authority that signed it.",
    date: AMP.hints.date,
    name: "Retried automatically. Use a name of the certificate in the source's `url`, or have one issued for this name.",
    wanted: "Client certificates are not supported for HTTP sources: use a key (`auth`).",
    refused: "Client certificates are not supported for HTTP sources: use a key (`auth`).",
    handshake: "Retried automatically. Have the server, or the proxy in front of it, allow TLS 1.2 or 1.3.",
    plain:
      "Use http:// in the source's `url`, which AMPSYNC_HTTP_ALLOW must allow, or the port on which the server speaks TLS.",
    files: "Correct the file that NODE_EXTRA_CA_CERTS names.",
  },
};

/** The error of a connection to an Amp server that failed because of TLS; null: for another reason. */
export function ampTlsError(cause: unknown): AmpsyncError | null {
  return tlsError(cause, AMP);
}

/** The same for a connection to the API of an HTTP source. */
export function sourceTlsError(cause: unknown): AmpsyncError | null {
  return tlsError(cause, SOURCE);
}

/** The same for a connection to the database. */
export function databaseTlsError(cause: unknown): AmpsyncError | null {
  return tlsError(cause, DATABASE);
}

function tlsError(cause: unknown, { who, hints }: Texts): AmpsyncError | null {
  const found = tlsProblem(cause);
  if (found === null) {
    return null;
  }
  const messages: Readonly<Record<TlsProblem, string>> = {
    untrusted: `the certificate of ${who} is signed by nobody that is trusted here`,
    date: `the certificate of ${who} has expired, or is not valid yet`,
    name: `the certificate of ${who} is for another host name`,
    wanted: `${who} wants a client certificate`,
    refused: `${who} refuses the client certificate`,
    handshake: `${who} and this program have no version or cipher of TLS in common`,
    plain: `${who} does not speak TLS at this address`,
    files: `a certificate or key for ${who} cannot be used`,
  };
  const { problem, error } = found;
  const detail = `${reasonOf(error) ?? error.message} (${codeOf(error) ?? "no code"})`;
  return new AmpsyncError("SY109", messages[problem], { detail, hint: hints[problem], cause });
}

/** What is wrong, and the error that says so: the given one, or what caused it. */
function tlsProblem(thrown: unknown): { readonly problem: TlsProblem; readonly error: Error } | null {
  let error = thrown;
  for (let depth = 0; depth < MOST_CAUSES && error instanceof Error; depth++) {
    const code = codeOf(error);
    const problem =
      error.message === PLAIN_POSTGRES
        ? "plain"
        : CODES.find(([pattern]) => code !== null && pattern.test(code))?.[1];
    if (problem !== undefined) {
      return { problem, error };
    }
    error = error.cause;
  }
  return null;
}

/** OpenSSL's own code, also where the operating system's stands for it: an alert that comes while something is sent. */
function codeOf(error: Error): string | null {
  const code: unknown = Reflect.get(error, "code");
  const reason = reasonOf(error);
  if (code === "EPROTO" && reason !== null) {
    return `ERR_SSL_${reason.toUpperCase().replaceAll(" ", "_")}`;
  }
  return typeof code === "string" ? code : null;
}

/** The part for people of what OpenSSL says: `…:error:0A00045C:SSL routines:function:reason:file:line:…`. */
function reasonOf(error: Error): string | null {
  return /:error:\w+:[^:]*:[^:]*:([^:]+):/.exec(error.message)?.[1] ?? null;
}
