import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import tls from "node:tls";

import type { Issued } from "./authority.ts";

export interface TlsFrontOptions extends Issued {
  /** Certificates of the authorities whose clients alone are let in; absent: everybody is. */
  readonly clientCa?: string;
  readonly maxVersion?: "TLSv1.2";
}

export interface TlsFront extends AsyncDisposable {
  /** The same as that of the server behind it, with `https://localhost`. */
  readonly address: string;
  /** From now on it has other certificates; who is connected is cut off. */
  replace(options: TlsFrontOptions): void;
}

/** Puts TLS in front of a server at an `http://` address. */
export async function startTlsFront(
  address: string,
  protocol: "h2" | "http/1.1",
  options: TlsFrontOptions,
): Promise<TlsFront> {
  const port = Number(new URL(address).port);
  const isMutual = options.clientCa !== undefined;
  const server = tls.createServer({
    ...contextOf(options),
    ALPNProtocols: [protocol],
    requestCert: isMutual,
    rejectUnauthorized: isMutual,
  });
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
  const disconnect = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `https://localhost:${(server.address() as AddressInfo).port}`, // The type of a TCP server's address.
    replace(others) {
      server.setSecureContext(contextOf(others));
      disconnect();
    },
    async [Symbol.asyncDispose]() {
      disconnect();
      server.close();
      await once(server, "close");
    },
  };
}

function contextOf({ cert, key, clientCa, maxVersion }: TlsFrontOptions): tls.SecureContextOptions {
  return {
    cert,
    key,
    ...(clientCa !== undefined && { ca: clientCa }),
    ...(maxVersion !== undefined && { maxVersion }),
  };
}
