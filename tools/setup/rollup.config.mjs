// How rollup joins the compiled modules to the few files of the program: a command then reads half a dozen of them, where each of a hundred modules
// would cost a third of a millisecond. What is imported late stays in files of its own; packages stay where npm puts them.
// CommonJS, as Node.js 20 loads it in half the time: as an ES module it also makes a namespace of each of its own modules, and for that of
// node:http it loads a WebSocket client.
// Run by project.mjs: rollup -c THIS --configFrom=FOLDER, the folder of the compiled modules, which gets program/.

import { join } from 'node:path';

/** What a process or a thread begins with. */
const ENTRIES = ['agent/main.js', 'agent/control/apply/maglev-thread.js'];

/** @param {{ configFrom: string }} flags */
export default ({ configFrom: folder }) => ({
  input: ENTRIES.map((entry) => join(folder, entry)),
  external: (name) => !/^[./\0]/.test(name) && !name.startsWith(folder),
  output: {
    dir: join(folder, 'program'),
    format: 'cjs',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    hoistTransitiveImports: false,
  },
});
