import { X509Certificate } from "node:crypto";
import tls from "node:tls";

import { AmpsyncError } from "../errors.ts";
import type { TlsFiles } from "../model/tls-files.ts";
import type { Given } from "./given.ts";

type ReadFile = (path: string) => string;

/** Renewed certificates have weeks left when they come, so one with less was forgotten. */
const EXPIRES_SOON_MS = 7 * 24 * 3_600_000;

/** Texts of PEM files, with the name of the setting of each; null: not set. */
interface Pem {
  readonly ca: readonly [name: string, text: string] | null;
  readonly cert: readonly [name: string, text: string] | null;
  readonly key: readonly [name: string, text: string] | null;
}

/**
 * The TLS files for Amp servers, checked now and read again for each connection, because they may be rotated. The
 * function throws SY109 if a file is gone then: the connection is tried again.
 */
export function ampTls(
  given: Given,
  readFile: ReadFile,
  problems: string[],
  warnings: string[],
): () => TlsFiles {
  const [ca, cert, key] = (["ampTlsCaFile", "ampTlsCertFile", "ampTlsKeyFile"] as const).map((name) =>
    given.value(name),
  );
  const set = [ca, cert, key].filter((file) => file !== null && file !== undefined);
  const missing = set.filter(({ value }) => readOrNull(readFile, value) === null);
  problems.push(...missing.map(({ name }) => `${name} names a file that cannot be read`));
  if ((cert === null) !== (key === null)) {
    problems.push("AMP_TLS_CERT_FILE and AMP_TLS_KEY_FILE must be set together");
  } else if (missing.length === 0) {
    const named = (file: typeof ca) => (file ? ([file.name, readFile(file.value)] as const) : null);
    const pem = { ca: named(ca), cert: named(cert), key: named(key) };
    problems.push(...pemProblems(pem));
    warnings.push(...expiring(pem));
  }

  function read(path: string): string {
    try {
      return readFile(path);
    } catch (cause) {
      throw new AmpsyncError("SY109", "a certificate or key for the Amp server cannot be read", {
        detail: cause instanceof Error ? cause.message : String(cause),
        hint: "Retried automatically. Restore the file.",
        cause,
      });
    }
  }
  return () => ({
    ca: ca ? read(ca.value) : null,
    identity: cert && key ? { cert: read(cert.value), key: read(key.value) } : null,
  });
}

/** Node trusts its own root certificates and those of NODE_EXTRA_CA_CERTS; those of the system on request only. */
export function trustSystemRoots(): void {
  const roots = [...tls.getCACertificates("default"), ...tls.getCACertificates("system")];
  tls.setDefaultCACertificates([...new Set(roots)]);
}

/** Checks the TLS files that an address of PostgreSQL names; those that cannot be read have been reported. */
export function checkDatabaseTls(
  url: string,
  readFile: ReadFile,
  problems: string[],
  warnings: string[],
): void {
  const parameters = URL.parse(url.replace(/^[^?]*/, "postgresql://host/"))?.searchParams;
  const named = (parameter: string) => {
    const path = parameters?.get(parameter);
    const text = path ? readOrNull(readFile, path) : null;
    return text === null ? null : ([parameter, text] as const);
  };
  const pem = { ca: named("sslrootcert"), cert: named("sslcert"), key: named("sslkey") };
  problems.push(...pemProblems(pem).map((problem) => `DATABASE_URL: ${problem}`));
  warnings.push(...expiring(pem).map((warning) => `DATABASE_URL: ${warning}`));
}

/** What is wrong with the contents of files, in words that show nothing of them. */
function pemProblems({ ca, cert, key }: Pem): string[] {
  const problems = [ca, cert].flatMap((file) =>
    file === null || isCertificate(file[1])
      ? []
      : [`${file[0]} names a file without a certificate in PEM form`],
  );
  if (key !== null && /ENCRYPTED/.test(key[1])) {
    problems.push(`${key[0]} names a key with a passphrase, which nobody could enter: use one without`);
  } else if (cert !== null && key !== null && problems.length === 0) {
    try {
      tls.createSecureContext({ cert: cert[1], key: key[1] });
    } catch {
      problems.push(`${cert[0]} and ${key[0]} do not belong together`);
    }
  }
  return problems;
}

/** Our own certificates that have expired, or will soon. */
function expiring({ cert }: Pem): string[] {
  if (cert === null || !isCertificate(cert[1])) {
    return [];
  }
  const end = new Date(new X509Certificate(cert[1]).validTo);
  return end.getTime() > Date.now() + EXPIRES_SOON_MS
    ? []
    : [`${cert[0]} names a certificate that is valid until ${end.toISOString()}`];
}

function isCertificate(text: string): boolean {
  try {
    new X509Certificate(text);
    return true;
  } catch {
    return false;
  }
}

function readOrNull(readFile: ReadFile, path: string): string | null {
  try {
    return readFile(path);
  } catch {
    return null;
  }
}
