/* ova.c - see ova.h.  Importers read the members in order, so the descriptor is first. */
#include "lib/disk/ova.h"
#include "lib/base/str.h"
#include "lib/fs/tar.h"

enum { NAME_MAX_BYTES = 90 }; /* with a suffix it fits into the name of a ustar header */

/* Importers read names out of tar headers, URIs and XML: what is outside of the portable file name
 * character set (POSIX.1-2017, 3.282) is escaped differently in each, and not by all of them. */
static char *portable_name(const char *s) {
        char *name = xstrndup(s, NAME_MAX_BYTES);
        for (char *p = name; *p; p++) {
                bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                              (*p >= '0' && *p <= '9') || *p == '_';
                if (!letter && (p == name || (*p != '-' && *p != '.')))
                        *p = '_';
        }
        return name;
}

/* Resource types are those of CIM_ResourceAllocationSettingData: 3 processor, 4 memory, 6 parallel
 * SCSI controller, 10 network adapter, 17 disk drive. */
static void add_item(Buf *b, unsigned id, unsigned type, const char *name, const char *more) {
        buf_addf(b,
                 "      <Item>\n        <rasd:ElementName>%s</rasd:ElementName>\n"
                 "        <rasd:InstanceID>%u</rasd:InstanceID>\n%s"
                 "        <rasd:ResourceType>%u</rasd:ResourceType>\n      </Item>\n",
                 name, id, more, type);
}

static void add_hardware(Buf *b, const OvaOptions *o) {
        _cleanup_free_ char *cpus =
                xasprintf("        <rasd:VirtualQuantity>%u</rasd:VirtualQuantity>\n", o->cpus);
        _cleanup_free_ char *memory =
                xasprintf("        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>\n"
                          "        <rasd:VirtualQuantity>%u</rasd:VirtualQuantity>\n",
                          o->memory);
        buf_adds(b, "    <VirtualHardwareSection>\n      <Info>virtual hardware</Info>\n"
                    "      <System>\n"
                    "        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>\n"
                    "        <vssd:InstanceID>0</vssd:InstanceID>\n"
                    "        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>\n"
                    "      </System>\n");
        add_item(b, 1, 3, "processors", cpus);
        add_item(b, 2, 4, "memory", memory);
        add_item(b, 3, 6, "SCSI controller",
                 "        <rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>\n");
        add_item(b, 4, 17, "disk",
                 "        <rasd:AddressOnParent>0</rasd:AddressOnParent>\n"
                 "        <rasd:HostResource>ovf:/disk/disk1</rasd:HostResource>\n"
                 "        <rasd:Parent>3</rasd:Parent>\n");
        add_item(b, 5, 10, "network",
                 "        <rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>\n"
                 "        <rasd:Connection>network</rasd:Connection>\n"
                 "        <rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>\n");
        if (o->efi)
                buf_adds(b, "      <vmw:Config ovf:required=\"false\" vmw:key=\"firmware\" "
                            "vmw:value=\"efi\"/>\n");
        buf_adds(b, "    </VirtualHardwareSection>\n");
}

static void make_descriptor(const OvaOptions *o, Buf *b) {
        buf_adds(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                    "<Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\" "
                    "xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\" "
                    "xmlns:rasd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
                    "CIM_ResourceAllocationSettingData\" "
                    "xmlns:vssd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
                    "CIM_VirtualSystemSettingData\" "
                    "xmlns:vmw=\"http://www.vmware.com/schema/ovf\">\n"
                    "  <References>\n    <File ovf:href=\"");
        buf_adds(b, o->name);
        buf_addf(b, ".vmdk\" ovf:id=\"file1\" ovf:size=\"%llu\"/>\n  </References>\n",
                 (unsigned long long)extents_size(o->vmdk));
        buf_addf(b,
                 "  <DiskSection>\n    <Info>disks</Info>\n"
                 "    <Disk ovf:capacity=\"%llu\" ovf:capacityAllocationUnits=\"byte\" "
                 "ovf:diskId=\"disk1\" ovf:fileRef=\"file1\" "
                 "ovf:format=\"http://www.vmware.com/interfaces/specifications/vmdk.html"
                 "#streamOptimized\"/>\n  </DiskSection>\n",
                 (unsigned long long)o->capacity);
        buf_adds(b, "  <NetworkSection>\n    <Info>networks</Info>\n"
                    "    <Network ovf:name=\"network\">\n"
                    "      <Description>network</Description>\n    </Network>\n"
                    "  </NetworkSection>\n  <VirtualSystem ovf:id=\"");
        buf_adds(b, o->name);
        /* 101: Linux, 64 bits (CIM_OperatingSystem.OSType) */
        buf_adds(b, "\">\n    <Info>a virtual machine</Info>\n    <Name>");
        buf_adds(b, o->name);
        buf_adds(b, "</Name>\n    <OperatingSystemSection ovf:id=\"101\" "
                    "vmw:osType=\"other3xLinux64Guest\">\n"
                    "      <Info>operating system</Info>\n    </OperatingSystemSection>\n");
        add_hardware(b, o);
        buf_adds(b, "  </VirtualSystem>\n</Envelope>\n");
}

static int write_member(const OvaOptions *o, const char *suffix, const Buf *text, Sink *out,
                        Err *e) {
        _cleanup_free_ char *name = xasprintf("%s.%s", o->name, suffix);
        Entry entry = { .name = name,
                        .type = ENTRY_FILE,
                        .mode = 0644,
                        .mtime = o->mtime,
                        .content = content_bytes(text->data, text->len) };
        return tar_write_entry(out, &entry, e);
}

static int write_package(const OvaOptions *o, Sink *out, Err *e) {
        _cleanup_buf_ Buf ovf = { 0 }, manifest = { 0 };
        Digest digest;
        make_descriptor(o, &ovf);
        hash_bytes(ovf.data, ovf.len, &digest);
        buf_addf(&manifest, "SHA256(%s.ovf)= %s\nSHA256(%s.vmdk)= %s\n", o->name,
                 digest_hex(&digest), o->name, digest_hex(o->digest));
        _cleanup_free_ char *name = xasprintf("%s.vmdk", o->name);
        Entry disk = { .name = name, .type = ENTRY_FILE, .mode = 0644, .mtime = o->mtime };
        if (write_member(o, "ovf", &ovf, out, e) < 0 ||
            write_member(o, "mf", &manifest, out, e) < 0 ||
            tar_write_stream(out, &disk, extents_size(o->vmdk), e) < 0 ||
            extents_write(o->vmdk, out, NULL, e) < 0 || sink_pad(out, 512, e) < 0)
                return -1;
        return tar_write_end(out, e);
}

int ova_write(const OvaOptions *o, Sink *out, Err *e) {
        _cleanup_free_ char *name = portable_name(o->name);
        OvaOptions named = *o;
        named.name = name;
        return write_package(&named, out, e);
}
