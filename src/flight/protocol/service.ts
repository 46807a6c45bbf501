/** The methods of the Flight service, as HTTP/2 paths. */
export const FLIGHT_SERVICE = {
  handshake: "/arrow.flight.protocol.FlightService/Handshake",
  listFlights: "/arrow.flight.protocol.FlightService/ListFlights",
  getFlightInfo: "/arrow.flight.protocol.FlightService/GetFlightInfo",
  pollFlightInfo: "/arrow.flight.protocol.FlightService/PollFlightInfo",
  getSchema: "/arrow.flight.protocol.FlightService/GetSchema",
  doGet: "/arrow.flight.protocol.FlightService/DoGet",
  doPut: "/arrow.flight.protocol.FlightService/DoPut",
  doExchange: "/arrow.flight.protocol.FlightService/DoExchange",
  doAction: "/arrow.flight.protocol.FlightService/DoAction",
  listActions: "/arrow.flight.protocol.FlightService/ListActions",
} as const;

/** Request headers that a server reads on GetFlightInfo only. */
export const FLIGHT_HEADERS = {
  /** JSON cursor `{network: {number, hash}}` of the last block received in full. */
  resume: "amp-resume",
  /** `true` or `false`; overrides the SQL clause. */
  stream: "amp-stream",
} as const;
