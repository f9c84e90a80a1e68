import { Controller, Get, Param, Query } from '@nestjs/common';
import { CurrentOwner } from '@tollbox/platform/access/current-owner.decorator';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import type { Wallet } from '@tollbox/platform/operations/operation';
import { Owner } from '@tollbox/platform/routes/access.decorators';
import { z } from 'zod';
import { FILE_ERRORS } from '../application/files/file-problems';
import { LookAtFiles } from '../application/files/look-at-files';
import { PROVIDER_ERRORS } from '../application/provider-failure';
import { fileAnswer, fileAnswerSchema, filesAnswerSchema, type FileAnswer, type FilesAnswer } from '../domain/file-answers';
import { sandboxPath } from '../domain/file-bodies';

const query = z.strictObject({ path: sandboxPath.describe('Absolute path in the sandbox.') });
const errors = ['sandbox_not_found', 'not_supported_here', 'internal', ...FILE_ERRORS, ...PROVIDER_ERRORS] as const;

/** A look at the files of a sandbox, for its owner. */
@Controller('v1/sandboxes/:sandbox_id/files')
export class FilesController {
  constructor(private readonly files: LookAtFiles) {}

  @Get('list')
  @Owner({ summary: 'What is in a directory of your sandbox', query, answer: filesAnswerSchema, errors })
  async list(
    @Param('sandbox_id') sandboxId: string,
    @CurrentOwner() owner: Wallet,
    @Query() given: unknown,
  ): Promise<FilesAnswer> {
    const { path } = parseOrRefuse(query, given, 'invalid_query');
    return { path, entries: (await this.files.list(owner, sandboxId, path)).map(fileAnswer) };
  }

  @Get('stat')
  @Owner({ summary: 'What is at a path of your sandbox', query, answer: fileAnswerSchema, errors })
  async stat(
    @Param('sandbox_id') sandboxId: string,
    @CurrentOwner() owner: Wallet,
    @Query() given: unknown,
  ): Promise<FileAnswer> {
    const { path } = parseOrRefuse(query, given, 'invalid_query');
    return fileAnswer(await this.files.stat(owner, sandboxId, path));
  }
}
