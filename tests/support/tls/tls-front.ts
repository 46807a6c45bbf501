import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";

import forge from "node-forge";
import { afterAll } from "vitest";

const { key, cert } = certificateForLocalhost();

/** A file with the certificate that vouches for the server, itself: nobody trusts it unless told to. */
export function rootCertificate(): string {
  const folder = mkdtempSync(join(tmpdir(), "ampsync-tls-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "root.pem");
  writeFileSync(file, cert);
  return file;
}

/** Puts TLS in front of a server at an `http://` address; its own address is the same with `https://localhost`. */
export async function startTlsFront(address: string, protocol: "h2" | "http/1.1") {
  const port = Number(new URL(address).port);
  const server = tls.createServer({ key, cert, ALPNProtocols: [protocol] });
  const sockets = new Set<tls.TLSSocket>();
  server.on("secureConnection", (front) => {
    const back = connect(port, "127.0.0.1");
    sockets.add(front);
    const end = () => {
      front.destroy();
      back.destroy();
      sockets.delete(front);
    };
    for (const socket of [front, back]) socket.on("error", end).on("close", end);
    front.pipe(back).pipe(front);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `https://localhost:${(server.address() as AddressInfo).port}`, // The type of a TCP server's address.
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A new key, and a certificate that it signs itself; both as PEM, valid for a day. */
function certificateForLocalhost() {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const made = forge.pki.createCertificate();
  made.publicKey = forge.pki.publicKeyFromPem(publicKey);
  made.serialNumber = "01";
  const hour = 3_600_000;
  made.validity.notBefore = new Date(Date.now() - hour);
  made.validity.notAfter = new Date(Date.now() + 24 * hour);
  const name = [{ name: "commonName", value: "localhost" }];
  made.setSubject(name);
  made.setIssuer(name);
  made.setExtensions([
    { name: "basicConstraints", cA: true },
    { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] },
  ]);
  made.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create());
  return { key: privateKey, cert: forge.pki.certificateToPem(made) };
}
