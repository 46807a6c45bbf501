/** A request that the API refuses; `param` is what is wrong with it. */
export class BadRequest extends Error {
  readonly status: number;
  readonly param: string;

  constructor(param: string, message: string, status = 400) {
    super(message);
    this.status = status;
    this.param = param;
  }
}
