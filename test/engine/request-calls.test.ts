import { expect, it } from "vitest";
import { HttpError } from "../../lib/api.ts";
import { httpRequest } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, startServer } from "../support/server.ts";

describeLoops("what a callback throws about a request", (loop) => {
  const throwing = (error: () => unknown, async = false) =>
    startServer({
      eventLoop: loop,
      on: {
        HTTP: async
          ? async () => {
              await rounds(2);
              throw error();
            }
          : () => {
              throw error();
            },
      },
    });

  it.each([false, true])("answers with the status of an HttpError, in a promise: %s", async (async) => {
    const headers = { "www-authenticate": "Basic" };
    const server = await throwing(() => new HttpError(401, "secret", { headers }), async);
    const reply = await server.ask(httpRequest());
    expect(reply).toMatchObject({ status: 401, headers: { "www-authenticate": "Basic" } });
    expect(String(reply.body)).not.toContain("secret");
    expect(server.log.filter((line) => line.startsWith("error"))).toEqual([]);
    expect(server.log.join()).toContain("debug");
  });

  it.each([false, true])("is an error in the log from 500 on, in a promise: %s", async (async) => {
    const server = await throwing(() => new HttpError(503, "busy"), async);
    expect((await server.ask(httpRequest())).status).toBe(503);
    expect(server.log.join()).toMatch(/error protocol "test" threw in HTTP: .*busy/);
  });

  it.each([false, true])(
    "answers with 500 for any other error, whatever it has, in a promise: %s",
    async (async) => {
      const server = await throwing(() => Object.assign(new Error("upstream"), { status: 404 }), async);
      expect((await server.ask(httpRequest())).status).toBe(500);
      expect(server.log.join()).toMatch(/error protocol "test" threw in HTTP: .*upstream/);
    },
  );

  it("is 500 for headers that cannot be sent", async () => {
    const server = await throwing(() => new HttpError(401, "who?", { headers: { "x bad": "1" } }));
    expect((await server.ask(httpRequest())).status).toBe(500);
    expect(server.log.join()).toMatch(/error protocol "test" threw in HTTP: .*who/);
  });

  it("answers in the same way from HTTP_BODY_COMPLETION", async () => {
    const server = await startServer({
      eventLoop: loop,
      on: {
        HTTP: () => {},
        HTTP_BODY_COMPLETION: () => {
          throw new HttpError(422, "not that");
        },
      },
    });
    const request = { method: "POST", headers: { "Content-Length": "1" }, body: "x" };
    expect((await server.ask(httpRequest(request))).status).toBe(422);
  });
});
