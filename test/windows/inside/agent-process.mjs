// Run by node.exe under Wine: the agent's own program, with the TCP connection to the test as its standard input.
// Arguments: the port, the URL of main.js, then the agent's own.

import { connect } from 'node:net';

const [port, main, ...args] = process.argv.slice(2);
const typed = connect(Number(port), '127.0.0.1');
Object.defineProperty(process, 'stdin', { value: typed });
process.argv = [process.argv[0], main, ...args];
await import(main);
