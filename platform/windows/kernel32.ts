// The foreign functions of kernel32.dll: the clock that the data plane reads too, and files that nobody else may write.
// May import koffi. Declared when first used.

import koffi from 'koffi';

interface Kernel32 {
  QueryUnbiasedInterruptTime(time: Buffer): number;
  CreateFileW(path: string, access: number, share: number, security: null, disposition: number, flags: number, template: null): bigint;
  WriteFile(handle: bigint, bytes: Buffer, count: number, written: Buffer, overlapped: null): number;
  SetEndOfFile(handle: bigint): number;
  CloseHandle(handle: bigint): number;
  GetLastError(): number;
}

let loaded: Kernel32 | undefined;

export function loadKernel32(): Kernel32 {
  if (loaded !== undefined) return loaded;
  const library = koffi.load('kernel32.dll');
  loaded = {
    QueryUnbiasedInterruptTime: library.func('QueryUnbiasedInterruptTime', 'int', ['void *']),
    CreateFileW: library.func('CreateFileW', 'intptr_t', ['str16', 'uint32_t', 'uint32_t', 'void *', 'uint32_t', 'uint32_t', 'void *']),
    WriteFile: library.func('WriteFile', 'int', ['intptr_t', 'void *', 'uint32_t', 'void *', 'void *']),
    SetEndOfFile: library.func('SetEndOfFile', 'int', ['intptr_t']),
    CloseHandle: library.func('CloseHandle', 'int', ['intptr_t']),
    GetLastError: library.func('GetLastError', 'uint32_t', []),
  } as Kernel32;
  return loaded;
}
