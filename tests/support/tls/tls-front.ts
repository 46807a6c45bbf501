import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import tls from "node:tls";
import { fileURLToPath } from "node:url";

const read = (name: string) => readFileSync(new URL(name, import.meta.url));

/** The certificate that vouches for the server's: nobody trusts it unless told to. */
export const ROOT = fileURLToPath(new URL("root.pem", import.meta.url));

/** Puts TLS in front of a server at an `http://` address; its own address is the same with `https://localhost`. */
export async function startTlsFront(address: string, protocol: "h2" | "http/1.1") {
  const port = Number(new URL(address).port);
  const server = tls.createServer({
    key: read("server.key"), // Of a certificate for localhost, for tests only.
    cert: read("server.pem"),
    ALPNProtocols: [protocol],
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
  return {
    address: `https://localhost:${(server.address() as AddressInfo).port}`, // The type of a TCP server's address.
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
