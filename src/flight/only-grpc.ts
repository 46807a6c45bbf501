import { InterceptingCall, type Interceptor, status } from "@grpc/grpc-js";

const GRPC = /^application\/grpc(?:[+;]|$)/i;
/** A proxy that refuses the token with an HTTP status means the same as a server that does so with gRPC. */
const REFUSED: ReadonlySet<status> = new Set([status.UNAUTHENTICATED, status.PERMISSION_DENIED]);

/**
 * Turns an answer that is not gRPC, such as a proxy's page, into UNAVAILABLE. The library would read it as gRPC:
 * the first letters of a page then look like the length of a message that is too large.
 */
export const onlyGrpc: Interceptor = (options, nextCall) => {
  let foreign: string | null = null;
  const call = new InterceptingCall(nextCall(options), {
    start(metadata, _listener, next) {
      next(metadata, {
        onReceiveMetadata(headers, pass) {
          const type = String(headers.get("content-type")[0] ?? "unknown");
          foreign = GRPC.test(type) ? null : type;
          pass(headers);
        },
        onReceiveMessage(message, pass) {
          if (foreign !== null && message !== null) {
            call.cancelWithStatus(status.UNAVAILABLE, "it was not read");
          }
          pass(foreign === null ? message : null); // Null, the end, must be passed on: the status waits for it.
        },
        onReceiveStatus(received, pass) {
          if (foreign === null || REFUSED.has(received.code)) {
            pass(received);
            return;
          }
          const details = `The answer is not gRPC, its content type is ${foreign}: ${received.details}`;
          pass({ ...received, code: status.UNAVAILABLE, details });
        },
      });
    },
  });
  return call;
};
