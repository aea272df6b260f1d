import { createEpollLoop } from "../../../lib/loop/epoll/epoll.ts";
import { loopContract } from "../contract.ts";

loopContract("epoll", () => createEpollLoop());
