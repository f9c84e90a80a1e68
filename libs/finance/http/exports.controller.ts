import { Readable } from 'node:stream';
import { Controller, Get, Param, Query, Req, StreamableFile } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentStaff, type StaffCaller } from '@tollbox/platform/access/current-staff.decorator';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { requiredInstant } from '@tollbox/platform/http/query-parameters';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { ExportDatasetFile } from '../application/export-dataset';
import { EXPORT_FORMATS } from '../application/ports/export-encoder';
import { EXPORT_DATASETS, isExportName } from '../domain/export/dataset';

const exportQuery = z
  .strictObject({ from: requiredInstant('From this time on (ISO 8601).'), to: requiredInstant('Before this time (ISO 8601).') })
  .refine(({ from, to }) => from < to, { message: 'a time after `from`', path: ['to'] });

const FILES = Object.keys(EXPORT_DATASETS).flatMap((name) => EXPORT_FORMATS.map((format) => `${name}.${format}`));

/** Whole months for other systems, as files. */
@Controller('finance/exports')
export class ExportsController {
  constructor(
    private readonly exportDataset: ExportDatasetFile,
    private readonly audit: AuditLog,
  ) {}

  @Get(':file')
  @Staff({
    roles: ['finance', 'auditor'],
    summary: `A file of one moment, with totals and a checksum: ${FILES.join(', ')}`,
    query: exportQuery,
    mediaType: 'application/octet-stream',
    errors: ['too_many_exports'],
  })
  async file(
    @Param('file') file: string,
    @Query() query: unknown,
    @CurrentStaff() staff: StaffCaller,
    @Req() request: FastifyRequest,
  ): Promise<StreamableFile> {
    const [name = '', extension = ''] = file.split('.');
    const format = EXPORT_FORMATS.find((known) => known === extension);
    if (!FILES.includes(file) || !isExportName(name) || format === undefined)
      throw new TollboxError('not_found', { message: `There is no such export; there are ${FILES.join(', ')}.` });
    const range = parseOrRefuse(exportQuery, query, 'invalid_query');
    const disposition = `attachment; filename="${name}-${dayOf(range.from)}-${dayOf(range.to)}.${format}"`;
    // Fastify answers HEAD by running the handler and throwing its stream away.
    if (request.method === 'HEAD') return new StreamableFile(Readable.from([]), { disposition });
    const { bytes, mediaType } = await this.exportDataset.run(name, format, range);
    try {
      await this.record(file, range, staff);
    } catch (error) {
      bytes.destroy();
      throw error;
    }
    return new StreamableFile(bytes, { type: mediaType, disposition });
  }

  private async record(file: string, range: { from: Date; to: Date }, staff: StaffCaller): Promise<void> {
    const { keyId, name, role, requestId, ip } = staff;
    await this.audit.record({
      actorKind: 'staff',
      actor: keyId,
      action: 'finance.export',
      subjectKind: 'export',
      subject: file,
      outcome: 'ok',
      detail: { name, role, from: range.from.toISOString(), to: range.to.toISOString() },
      requestId,
      ip,
    });
  }
}

const dayOf = (date: Date): string => date.toISOString().slice(0, 10);
