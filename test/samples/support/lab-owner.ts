// Owns a lab in a process of its own, which a test then kills: prints the lab's name when it is up, and waits.
// Imports the lab. `lab-owner.ts NAME`
// Invariant: it removes nothing itself.

import { createLab } from '../../../samples/founding-lab/lab.js';

const name = process.argv[2];
if (name === undefined) throw new Error('usage: lab-owner.ts NAME');
const lab = await createLab({ name, backends: 1 });
process.stdout.write(`${lab.name}\n`);
setInterval(() => {}, 1000);
