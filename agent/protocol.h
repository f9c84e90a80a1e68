/*
 * Frames in both directions: u32 length of what follows, u8 type, u32 request id, payload. Numbers are little-endian,
 * a string is a u32 length and its bytes. The gateway's side is libs/sandboxes/infrastructure/container/agent/.
 */
#ifndef TOLLBOX_PROTOCOL_H
#define TOLLBOX_PROTOCOL_H

#define FRAME_HEAD 9
#define MAX_REQUEST (2u << 20)
#define MAX_DATA (64u << 10)
/* What may be on its way of each stream before the reader asks for more. */
#define OUTPUT_WINDOW (256u << 10)
#define STDIN_WINDOW (64u << 10)
#define MAX_NAME 64

enum request_type {
  REQUEST_EXEC = 2,   /* u32 timeout_ms, u8 flags, u16 rows, u16 columns, name, workdir, n, n variables, n, n arguments */
  REQUEST_STDIN = 3,  /* bytes, within the window */
  REQUEST_STDIN_END = 4,
  REQUEST_CREDIT = 5, /* u8 stream, u32 bytes */
  REQUEST_SIGNAL = 6, /* u8 number, name or "" */
  REQUEST_RESIZE = 7, /* u16 rows, u16 columns, name or "" */
  REQUEST_CANCEL = 8,
  REQUEST_PING = 9,
  REQUEST_START = 10, /* as EXEC, with a name */
  REQUEST_STATUS = 11, /* name */
  REQUEST_FOLLOW = 12, /* name, u64 offset of stdout, u64 offset of stderr */
  REQUEST_WRITE = 13  /* name, u8 close, bytes as a string */
};

enum reply_type {
  REPLY_HELLO = 64, /* u32 version */
  REPLY_PONG = 65,
  REPLY_STARTED = 66,
  REPLY_STDOUT = 67, /* u64 offset of the first byte, bytes */
  REPLY_STDERR = 68,
  REPLY_STDIN_CREDIT = 69, /* u32 bytes */
  REPLY_EXITED = 70,       /* i32 exit code, u8 timed out */
  REPLY_END = 71,
  REPLY_DONE = 72,   /* what was asked for */
  REPLY_REFUSED = 73 /* u8 reason, message */
};

enum exec_flag { EXEC_PTY = 1, EXEC_STDIN = 2 };
enum refusal { REFUSED_INVALID = 1, REFUSED_NOT_FOUND = 2, REFUSED_TAKEN = 3, REFUSED_BUSY = 4, REFUSED_ENDED = 5 };

#endif
