import { Controller, Delete, Get, HttpCode, Post, Put } from '@nestjs/common';
import { AnswerBytes } from '@tollbox/platform/operations/operation';
import { Priced } from '@tollbox/platform/routes/access.decorators';
import { Paid, type PaidCall, type PaidUpload } from '@tollbox/platform/routes/paid-call.decorator';
import { FileWork, type FileCall } from '../application/files/file-work';
import type { FileBody } from '../domain/file-bodies';

const callOf = ({ owner, operationId, body }: PaidCall<{ readonly sandbox_id: string }>): FileCall => ({
  owner,
  operationId,
  sandboxId: body.sandbox_id,
});

/** Work on the files of a sandbox, against payment. */
@Controller('v1/sandboxes/:sandbox_id/files')
export class FileSalesController {
  constructor(private readonly files: FileWork) {}

  @Get()
  @Priced({ operation: 'files.read', summary: 'Read a file of a sandbox, or a part of it', query: ['path', 'offset', 'limit'] })
  async read(@Paid() call: PaidCall<FileBody<'read'>>): Promise<AnswerBytes> {
    const { path, offset, limit } = call.body;
    return new AnswerBytes('application/octet-stream', await this.files.read(callOf(call), path, offset, limit));
  }

  @Put()
  @HttpCode(204)
  @Priced({
    operation: 'files.write',
    summary: 'Write a file of a sandbox, as a whole or not at all',
    query: ['path', 'mode'],
  })
  write(@Paid() call: PaidUpload<FileBody<'write'>>): Promise<void> {
    const { path, mode } = call.body;
    return this.files.write(callOf(call), path, call.content, mode === undefined ? {} : { mode });
  }

  @Delete()
  @HttpCode(204)
  @Priced({ operation: 'files.remove', summary: 'Remove a file or a directory of a sandbox', query: ['path', 'recursive'] })
  remove(@Paid() call: PaidCall<FileBody<'remove'>>): Promise<void> {
    return this.files.remove(callOf(call), call.body.path, call.body.recursive);
  }

  @Post('mkdir')
  @HttpCode(204)
  @Priced({ operation: 'files.mkdir', summary: 'Make a directory in a sandbox' })
  makeDirectory(@Paid() call: PaidCall<FileBody<'makeDirectory'>>): Promise<void> {
    return this.files.makeDirectory(callOf(call), call.body.path, call.body.parents);
  }

  @Post('move')
  @HttpCode(204)
  @Priced({ operation: 'files.move', summary: 'Move a file or a directory within a sandbox' })
  move(@Paid() call: PaidCall<FileBody<'move'>>): Promise<void> {
    return this.files.move(callOf(call), call.body.from, call.body.to);
  }

  @Get('tar')
  @Priced({ operation: 'files.download', summary: 'Download a directory of a sandbox as a tar', query: ['path'] })
  async download(@Paid() call: PaidCall<FileBody<'download'>>): Promise<AnswerBytes> {
    return new AnswerBytes('application/x-tar', await this.files.download(callOf(call), call.body.path));
  }

  @Put('tar')
  @HttpCode(204)
  @Priced({ operation: 'files.upload', summary: 'Unpack a tar into a directory of a sandbox', query: ['path'] })
  upload(@Paid() call: PaidUpload<FileBody<'upload'>>): Promise<void> {
    return this.files.upload(callOf(call), call.body.path, call.content);
  }
}
