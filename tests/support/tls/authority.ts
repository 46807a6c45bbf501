import { generateKeyPairSync } from "node:crypto";

import forge from "node-forge";

/** A certificate and its key, as PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface Subject {
  readonly name: string;
  /** Of a server: the names under which it may be reached. */
  readonly hosts?: readonly string[];
  /** Hours from now; by default a month. */
  readonly expiresIn?: number;
}

const HOUR_MS = 3_600_000;

/** An authority that exists for one test: nobody trusts it unless told to. */
export class Authority {
  readonly cert: string;
  readonly #key: forge.pki.rsa.PrivateKey;
  readonly #name: string;
  #issued = 1;

  constructor(name = "a test's authority") {
    const { publicKey, privateKey } = newKey();
    this.#name = name;
    this.#key = forge.pki.privateKeyFromPem(privateKey);
    this.cert = this.#sign(publicKey, { name }, [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, critical: true },
    ]);
  }

  /** A new key, and a certificate for it. */
  issue(subject: Subject): Issued {
    const { publicKey, privateKey } = newKey();
    const hosts = subject.hosts?.map((value) => ({ type: 2, value })) ?? [];
    const cert = this.#sign(publicKey, subject, [
      { name: "basicConstraints", cA: false },
      { name: "extKeyUsage", serverAuth: true, clientAuth: true },
      ...(hosts.length > 0 ? [{ name: "subjectAltName", altNames: hosts }] : []),
    ]);
    return { cert, key: privateKey };
  }

  #sign(publicKey: string, { name, expiresIn = 30 * 24 }: Subject, extensions: object[]): string {
    const made = forge.pki.createCertificate();
    made.publicKey = forge.pki.publicKeyFromPem(publicKey);
    made.serialNumber = (this.#issued++).toString(16).padStart(2, "0");
    made.validity.notBefore = new Date(Date.now() - 48 * HOUR_MS);
    made.validity.notAfter = new Date(Date.now() + expiresIn * HOUR_MS);
    made.setSubject([{ name: "commonName", value: name }]);
    made.setIssuer([{ name: "commonName", value: this.#name }]);
    made.setExtensions(extensions);
    made.sign(this.#key, forge.md.sha256.create());
    return forge.pki.certificateToPem(made);
  }
}

function newKey() {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
}
