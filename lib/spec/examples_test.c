/* examples_test.c - whole build files as people write them: yaml.md 20.1 and the kinds of
 * packages.md section 4 (overlay mounts, WireGuard namespaces, desktop VM, volumes, cloud with
 * metadata). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/spec/spec.h"

static Spec *load(const char *text) {
        Spec *s = NULL;
        _cleanup_err_ Err e = ERR_INIT;
        if (spec_parse(text, strlen(text), "f.yml", &s, &e) < 0 ||
            spec_resolve(s, NULL, NULL, &e) < 0)
                fail_msg("%s", e.text);
        return s;
}

static void specification_example(void **state) {
        (void)state;
        Spec *s = load("kernel:\n"
                       "  image: acme/kernel:1\n"
                       "  cmdline: \"console=ttyS0\"\n"
                       "init:\n"
                       "  - acme/init:1\n"
                       "onboot:\n"
                       "  - name: prep\n"
                       "    image: acme/app:1\n"
                       "services:\n"
                       "  - name: web\n"
                       "    image: acme/app:1\n"
                       "    readonly: true\n"
                       "    uid: web\n"
                       "    binds:\n"
                       "      - data:/data\n"
                       "volumes:\n"
                       "  - name: data\n"
                       "files:\n"
                       "  - path: etc/web/web.conf\n"
                       "    contents: \"port 80\\n\"\n"
                       "    mode: \"0640\"\n"
                       "    uid: web\n");
        assert_string_equal(s->kernel.image.ref, "docker.io/acme/kernel:1");
        const ImageEntry *web = &s->sections[SECTION_SERVICES].items[0];
        assert_int_equal(web->pos.line, 10);
        assert_int_equal(web->s.readonly.pos.line, 12);
        assert_int_equal(web->s.readonly.pos.column, 15);
        uint32_t uid;
        assert_int_equal(spec_resolve_id(s, &s->files[0].uid, &uid, NULL), 0);
        assert_int_equal(uid, 101);
        spec_free(s);
}

static void writable_overlay(void **state) {
        (void)state;
        Spec *s =
                load("services:\n"
                     "  - name: getty\n"
                     "    image: linuxkit/getty:1\n"
                     "    env:\n"
                     "     - INSECURE=true\n"
                     "    binds.add:\n"
                     "     - /etc/getty.shadow:/etc/shadow\n"
                     "    runtime:\n"
                     "      mkdir: [/var/overlay/etc/upper, /var/overlay/etc/work]\n"
                     "      mounts:\n"
                     "        - type: overlay\n"
                     "          source: overlay\n"
                     "          destination: writeable-host-etc\n"
                     "          options: [\"lowerdir=/etc\", \"upperdir=/var/overlay/etc/upper\",\n"
                     "            \"workdir=/var/overlay/etc/work\"]\n"
                     "onshutdown:\n"
                     "  - name: shutdown\n"
                     "    image: busybox:latest\n"
                     "    command: [\"/bin/echo\", \"so long and thanks for all the fish\"]\n");
        const Runtime *r = &s->sections[SECTION_SERVICES].items[0].s.runtime;
        assert_string_equal(r->mounts.items[0].destination.text, "writeable-host-etc");
        assert_int_equal(r->mounts.items[0].options.n, 3);
        assert_string_equal(s->sections[SECTION_ONSHUTDOWN].items[0].image.ref,
                            "docker.io/library/busybox:latest");
        spec_free(s);
}

static void wireguard(void **state) {
        (void)state;
        Spec *s = load("onboot:\n"
                       "  - name: wg0\n"
                       "    image: linuxkit/ip:1\n"
                       "    net: new\n"
                       "    binds:\n"
                       "     - /etc/wireguard:/etc/wireguard\n"
                       "    command: [\"sh\", \"-c\", \"ip link set dev wg0 up; sleep 1\"]\n"
                       "    runtime:\n"
                       "      interfaces:\n"
                       "        - name: wg0\n"
                       "          add: wireguard\n"
                       "          createInRoot: true\n"
                       "      bindNS:\n"
                       "        net: /run/netns/wg0\n"
                       "services:\n"
                       "  - name: nginx\n"
                       "    image: nginx:1.27-alpine\n"
                       "    net: /run/netns/wg0\n"
                       "    capabilities: &caps\n"
                       "     - CAP_NET_BIND_SERVICE\n"
                       "     - CAP_CHOWN\n"
                       "  - name: other\n"
                       "    image: nginx:1.27-alpine\n"
                       "    capabilities: *caps\n"
                       "files:\n"
                       "  - path: etc/wireguard/wg0.conf\n"
                       "    mode: \"0600\"\n"
                       "    contents: |\n"
                       "      [Interface]\n"
                       "      ListenPort = 51820\n");
        const Settings *wg = &s->sections[SECTION_ONBOOT].items[0].s;
        assert_string_equal(wg->runtime.bind_ns[NS_NET].text, "/run/netns/wg0");
        assert_true(wg->runtime.interfaces.items[0].create_in_root.value);
        assert_int_equal(s->sections[SECTION_SERVICES].items[1].s.capabilities.n, 2);
        assert_string_equal(s->files[0].contents.text, "[Interface]\nListenPort = 51820\n");
        spec_free(s);
}

static void desktop_machine(void **state) {
        (void)state;
        Spec *s = load("kernel:\n"
                       "  image: linuxkit/kernel:6.12.52\n"
                       "  cmdline: \"console=ttyS0 page_poison=1\"\n"
                       "  ucode: intel-ucode.cpio\n"
                       "onboot:\n"
                       "  - name: mount-vpnkit\n"
                       "    image: alpine:3.13\n"
                       "    binds:\n"
                       "        - /var/:/host_var:rbind,rshared\n"
                       "    capabilities:\n"
                       "        - CAP_SYS_ADMIN\n"
                       "    rootfsPropagation: shared\n"
                       "    command: [\"sh\", \"-c\", \"mkdir -p /host_var/vpnkit/port\"]\n"
                       "services:\n"
                       "  - name: docker-dce\n"
                       "    image: docker:20.10.6-dind\n"
                       "    capabilities:\n"
                       "     - all\n"
                       "    net: host\n"
                       "    pid: host\n"
                       "    mounts:\n"
                       "     - type: cgroup\n"
                       "       options: [\"rw\",\"nosuid\",\"noexec\",\"nodev\",\"relatime\"]\n"
                       "    devices:\n"
                       "     - path: all\n"
                       "       type: b\n"
                       "     - path: \"/dev/fuse\"\n"
                       "       type: c\n"
                       "       major: 10\n"
                       "       minor: 229\n"
                       "       mode: \"0666\"\n"
                       "    rlimits: [\"nofile,1048576,1048576\"]\n"
                       "    resources:\n"
                       "      memory:\n"
                       "        limit: 268_435_456\n"
                       "    runtime:\n"
                       "      mkdir: [\"/var/lib/docker\"]\n"
                       "      namespace: services.linuxkit\n"
                       "      restart: always\n"
                       "trust:\n"
                       "  org:\n"
                       "    - linuxkit\n");
        const Settings *d = &s->sections[SECTION_SERVICES].items[0].s;
        assert_int_equal(d->resources.memory.limit.value, 268435456);
        assert_int_equal(d->devices.items[1].minor.value, 229);
        assert_string_equal(d->runtime.restart.text, "always");
        spec_free(s);
}

static void volumes(void **state) {
        (void)state;
        Spec *s = load("volumes:\n"
                       "  - {name: blank}\n"
                       "  - name: images\n"
                       "    image: alpine:3.20\n"
                       "    format: oci\n"
                       "    platforms: [linux/amd64, linux/arm64]\n"
                       "    readonly: true\n"
                       "services:\n"
                       "  - name: a\n"
                       "    image: nginx\n"
                       "    binds: [\"images:/images:ro\", \"blank:/data\"]\n"
                       "  - name: b\n"
                       "    image: nginx\n"
                       "    mounts:\n"
                       "      - type: bind\n"
                       "        source: blank\n"
                       "        destination: /data\n"
                       "        options: [rbind, rw]\n"
                       "files:\n"
                       "  - {path: etc/linuxkit.yml, metadata: yaml}\n"
                       "  - {path: root/.ssh/authorized_keys, source: ~/.ssh/id_rsa.pub,\n"
                       "     mode: \"0600\", optional: true}\n");
        assert_int_equal(s->n_volumes, 2);
        assert_null(s->volumes[0].image.ref);
        assert_string_equal(s->volumes[1].image.ref, "docker.io/library/alpine:3.20");
        assert_true(s->files[1].optional.value);
        spec_free(s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(specification_example),
                cmocka_unit_test(writable_overlay),
                cmocka_unit_test(wireguard),
                cmocka_unit_test(desktop_machine),
                cmocka_unit_test(volumes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
