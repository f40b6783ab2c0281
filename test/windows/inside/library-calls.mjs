// Run by node.exe under Wine: calls of the double by koffi, as plainly as can be; prints what they return as one line of JSON.
// Arguments: the object file, and 'second' in a process that comes after another.

import koffi from 'koffi';

const [objectFile, part] = process.argv.slice(2);
const library = koffi.load('ebpfapi.dll');
const call = (name, result, ...args) => library.func(name, result, args);
const open = call('bpf_object__open_file', 'void *', 'str', 'void *');
const load = call('bpf_object__load', 'int', 'void *');
const close = call('bpf_object__close', 'void', 'void *');
const findMap = call('bpf_object__find_map_fd_by_name', 'int', 'void *', 'str');
const findProgram = call('bpf_object__find_program_by_name', 'void *', 'void *', 'str');
const programFd = call('bpf_program__fd', 'int', 'void *');
const create = call('bpf_map_create', 'int', 'int', 'str', 'uint32_t', 'uint32_t', 'uint32_t', 'void *');
const update = call('bpf_map_update_elem', 'int', 'int', 'void *', 'void *', 'uint64_t');
const lookup = call('bpf_map_lookup_elem', 'int', 'int', 'void *', 'void *');
const info = call('bpf_obj_get_info_by_fd', 'int', 'int', 'void *', 'void *');
const closeFd = call('ebpf_close_fd', 'int', 'int');
const pin = call('bpf_obj_pin', 'int', 'int', 'str');
const get = call('bpf_obj_get', 'int', 'str');
const unpin = call('ebpf_object_unpin', 'uint32_t', 'str');
const attach = call('bpf_xdp_attach', 'int', 'int', 'int', 'uint32_t', 'void *');
const query = call('bpf_xdp_query_id', 'int', 'int', 'int', 'void *');
const testRun = call('bpf_prog_test_run_opts', 'int', 'int', 'void *');
const lastError = call('libbpf_get_error', 'long', 'void *');

const u64 = (number) => Buffer.from(BigUint64Array.of(BigInt(number)).buffer);
const said = {};

if (part === 'second') {
  const map = get('/sys/fs/bpf/kept');
  const value = Buffer.alloc(8);
  said.adopted = [lookup(map, u64(1), value), value.readUInt32LE()];
  said.attachedStill = query(1, 0, Buffer.alloc(4));
  said.unpinned = [unpin('/ebpf/global/kept'), unpin('/ebpf/global/kept')];
  said.goneAfterwards = get('BPF:\\kept');
} else {
  const map = create(1, 'kept', 8, 8, 2, null);
  said.updates = [1, 2, 3].map((key) => update(map, u64(key), u64(10 * key), 0));
  said.errno = lastError(null);
  said.again = update(map, u64(1), u64(11), 1);
  said.absent = lookup(map, u64(9), Buffer.alloc(8));
  said.badType = create(27, 'no', 0, 0, 4096, null);
  const about = Buffer.alloc(96);
  const length = Buffer.from(Uint32Array.of(96).buffer);
  info(map, about, length);
  said.info = [about.readUInt32LE(4), about.readUInt32LE(8), about.readUInt32LE(16), about.toString('latin1', 20, 24)];
  said.pinned = [pin(map, 'BPF:\\kept'), pin(map, '/ebpf/global/kept')];
  said.closed = [closeFd(map), closeFd(map), lookup(map, u64(1), Buffer.alloc(8))];

  const object = open(objectFile, null);
  said.missing = [open('Z:\\nowhere.o', null), lastError(null)];
  said.loaded = load(object);
  const program = programFd(findProgram(object, 'probe_device'));
  const grow = programFd(findProgram(object, 'probe_grow'));
  const [packet, context, options] = [Buffer.alloc(60, 0xab), Buffer.alloc(32), Buffer.alloc(80)];
  context.writeUInt32LE(7, 24);
  options.writeBigUInt64LE(80n, 0);
  options.writeBigUInt64LE(koffi.address(packet), 8);
  options.writeUInt32LE(60, 24);
  options.writeBigUInt64LE(koffi.address(context), 32);
  options.writeUInt32LE(32, 48);
  const seen = Buffer.alloc(8);
  said.ran = [testRun(program, options), options.readUInt32LE(56)];
  said.device = [lookup(findMap(object, 'probe_array'), Buffer.alloc(4), seen), seen.readUInt32LE()];
  said.headRefused = [testRun(grow, options), options.readUInt32LE(56)];
  said.attached = [attach(1, program, 0, null), attach(1, grow, 0, null), attach(0, program, 0, null)];
  close(object);
}
process.stdout.write(`${JSON.stringify(said)}\n`);
