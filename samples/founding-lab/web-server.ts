// A real nginx on each backend, with a configuration and folder of its own.
// Imports Node and its siblings.
// Paths, for both address families: / names the backend by its name and IPv4 address; /big is the random file, the same on all; /slow?rate=100k is that file at a chosen speed (default 64k a second);
// PUT /upload/NAME stores a file below the server's folder, see uploadedFile.
// Invariant: when this returns, the server listens.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FairleadError } from '../../agent/model/errors.js';
import type { Host } from './host.js';

function configuration(folder: string, host: Host, bigFile: string): string {
  return `daemon off;
user root;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  default_type text/plain;
  keepalive_requests 1000000;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  map $arg_rate $chosen_rate { default $arg_rate; '' 64k; }
  server {
    listen 80 backlog=4096;
    listen 8080 backlog=4096;
    listen [::]:80 backlog=4096;
    listen [::]:8080 backlog=4096;
    add_header X-Backend ${host.name};
    location / { return 200 '${host.name} ${host.address}\\n'; }
    location = /big { alias ${bigFile}; }
    location = /slow { alias ${bigFile}; limit_rate $chosen_rate; }
    location /upload/ { root ${folder}; dav_methods PUT; create_full_put_path on; client_max_body_size 0; }
  }
}
`;
}

/** Where the server with this folder keeps what was sent by PUT /upload/NAME. */
export function uploadedFile(folder: string, name: string): string {
  return join(folder, 'upload', name);
}

/** Starts nginx on ports 80 and 8080. `folder` becomes its prefix. Errors: FL_E_SYSTEM with nginx's own last words. */
export async function startWebServer(host: Host, folder: string, bigFile: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, configuration(folder, host, bigFile));
  const server = host.spawn(['nginx', '-p', folder, '-c', file, '-e', join(folder, 'error.log')]);
  server.unref();
  let ended = false;
  server.on('exit', () => {
    ended = true;
  });
  server.on('error', () => {
    ended = true;
  });
  // nginx writes its pid file after it has opened its sockets.
  for (let waited = 0; !existsSync(join(folder, 'nginx.pid')); waited += 10) {
    if (ended || waited > 10_000) {
      const log = existsSync(join(folder, 'error.log')) ? readFileSync(join(folder, 'error.log'), 'utf8').trim() : '';
      throw new FairleadError('FL_E_SYSTEM', `nginx on ${host.name} does not run: ${log.split('\n').at(-1) || 'it said nothing'}`, {
        hint: `start it by hand: ${host.enter(['nginx', '-c', file]).join(' ')}`,
      });
    }
    await sleep(10);
  }
}
