import { describe, expect, it } from "vitest";
import { HttpError } from "../../lib/api.ts";

describe("an HttpError", () => {
  it("has a status, a code of its own or one of the status, headers and a cause", () => {
    const plain = new HttpError(404, "no such page");
    expect(plain).toMatchObject({ name: "HttpError", status: 404, code: "ERR_HTTP_404", headers: undefined });
    expect(plain.message).toBe("no such page");
    const cause = new Error("why");
    const headers = { "www-authenticate": "Basic" };
    expect(new HttpError(401, "who?", { code: "ERR_WHO", headers, cause })).toMatchObject({
      code: "ERR_WHO",
      headers,
      cause,
    });
  });

  it("is known among all that can be thrown", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    class Own extends HttpError {}
    expect(HttpError.is(new Own(400, ""))).toBe(true);
    const others = [proxy, new Error("x"), null, undefined, 404, Object.create(HttpError.prototype)];
    for (const thrown of others) expect(HttpError.is(thrown)).toBe(false);
  });

  it.each([200, 399, 600, 404.5, Number.NaN])("is none with the status %s", (status) => {
    expect(() => new HttpError(status, "")).toThrow(RangeError);
  });
});
