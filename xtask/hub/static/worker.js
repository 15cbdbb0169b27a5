// A shared worker: all tabs of a browser share one connection to the hub, because browsers open only six to a host.
import { follow } from "./feed.js";

const ports = new Set();
const feed = follow((message) => {
  for (const port of ports) port.postMessage(message);
});

addEventListener("connect", ({ ports: [port] }) => {
  port.onmessage = ({ data }) => {
    if (data.bye) {
      ports.delete(port);
      return;
    }
    ports.add(port);
    for (const message of feed.greet(data.readAt)) port.postMessage(message);
    port.postMessage({ alive: true });
  };
});
