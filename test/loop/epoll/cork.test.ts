import { expect, test } from "vitest";
import { MAX_RESERVE } from "../../../lib/base/outlet.ts";
import { Cork, type Corked } from "../../../lib/loop/epoll/cork.ts";

class Wire implements Corked {
  readonly sent: string[] = [];
  transmit(block: Buffer, length: number, more: boolean): void {
    this.sent.push(block.toString("latin1", 0, length) + (more ? "+" : ""));
  }
}

function put(cork: Cork, owner: Corked, text: string): void {
  const at = cork.reserve(owner, text.length);
  cork.block.write(text, at, "latin1");
  cork.used += text.length;
}

test("puts together what one owner writes, and sends it before another one's", () => {
  const [a, b] = [new Wire(), new Wire()];
  let claims = 0;
  const cork = new Cork(() => claims++);
  put(cork, a, "1");
  put(cork, a, "2");
  expect(a.sent).toEqual([]);
  put(cork, b, "3");
  expect(a.sent).toEqual(["12"]);
  cork.flush(true);
  expect(b.sent).toEqual(["3+"]);
  expect(claims).toBe(2);
  expect(cork.owner).toBe(null);
});

test("sends nothing for an owner that only reserved, or whose bytes were dropped", () => {
  const a = new Wire();
  const cork = new Cork(() => {});
  cork.reserve(a, 10);
  cork.flush(false);
  put(cork, a, "lost");
  cork.drop(new Wire());
  expect(cork.used).toBe(4);
  cork.drop(a);
  cork.flush(false);
  expect(a.sent).toEqual([]);
});

test("makes room by sending, and refuses more than MAX_RESERVE", () => {
  const a = new Wire();
  const cork = new Cork(() => {});
  const piece = "x".repeat(MAX_RESERVE);
  for (let i = 0; i < 9; i++) put(cork, a, piece);
  cork.flush(false);
  expect(a.sent.join("")).toHaveLength(9 * MAX_RESERVE);
  expect(() => cork.reserve(new Wire(), MAX_RESERVE + 1)).toThrow("reserve");
});
