/** Many readers of one log in a process of its own. For each entry it prints when the last of them had it, on the clock of the machine. */
import { connect as connectSocket } from 'node:net';

export interface StreamReadersSettings {
  url: string;
  logId: string;
  readers: number;
}

const { url, logId, readers } = JSON.parse(process.argv[2] ?? '') as StreamReadersSettings;
const { hostname, port } = new URL(url);
const had = new Map<string, number>();
let begun = 0;

for (let reader = 0; reader < readers; reader += 1) {
  let line = '';
  const socket = connectSocket({ host: hostname, port: Number(port) });
  socket.setEncoding('latin1');
  socket.on('error', (error) => {
    console.log(`broke ${error.message}`);
    process.exit(1);
  });
  socket.on('data', (text: string) => {
    const lines = (line + text).split('\n');
    line = lines.pop() as string;
    for (const one of lines) {
      if (one === 'event: marked' && ++begun === readers) {
        console.log('up');
      }
      const [, value] = /"value":"at (\d+)"/.exec(one) ?? [];
      if (value !== undefined) {
        const count = (had.get(value) ?? 0) + 1;
        had.set(value, count);
        if (count === readers) {
          console.log(`all ${value} ${Date.now()}`);
        }
      }
    }
  });
  socket.write(`GET /logs/${logId}/events HTTP/1.1\r\nhost: ${hostname}\r\naccept: text/event-stream\r\n\r\n`);
}
