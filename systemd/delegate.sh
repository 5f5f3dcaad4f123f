#!/bin/sh
# Gives the service account of Kontora (LDAP_BIND_DN) the rights that it needs below one
# organizational unit, and the right to read the domain's password settings objects. The account
# needs no other rights and must not be a domain administrator: the directory itself then refuses
# changes outside of the unit.
#
#   sh delegate.sh ACCOUNT UNIT_DN [samba-tool options]
#   sh delegate.sh kontora OU=Company,DC=example,DC=com
#   sh delegate.sh kontora OU=Company,DC=example,DC=com -H ldap://dc1.example.com -U Administrator
#
# Run it as root on a controller, or on another host with -H and -U. Create the account first:
# samba-tool user create kontora --random-password. systemd/README.md has the commands for Windows.
set -eu

[ $# -ge 2 ] || {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 64
}
account=$1 unit=$2
shift 2

# The schemaIDGUID of each class and attribute (MS-ADSC, MS-ADA1 to MS-ADA3).
user=bf967aba-0de6-11d0-a285-00aa003049e2
group=bf967a9c-0de6-11d0-a285-00aa003049e2
computer=bf967a86-0de6-11d0-a285-00aa003049e2
organizational_unit=bf967aa5-0de6-11d0-a285-00aa003049e2
container=bf967a8b-0de6-11d0-a285-00aa003049e2
recovery_information=ea715d30-8f53-40d0-bd1e-6109186d782c

cn=bf96793f-0de6-11d0-a285-00aa003049e2
name=bf967a0e-0de6-11d0-a285-00aa003049e2
ou=bf9679f0-0de6-11d0-a285-00aa003049e2
description=bf967950-0de6-11d0-a285-00aa003049e2
given_name=f0f8ff8e-1191-11d0-a060-00aa006c33ed
sn=bf967a41-0de6-11d0-a285-00aa003049e2
mail=bf967961-0de6-11d0-a285-00aa003049e2
telephone_number=bf967a49-0de6-11d0-a285-00aa003049e2
title=bf967a55-0de6-11d0-a285-00aa003049e2
department=bf96794f-0de6-11d0-a285-00aa003049e2
user_principal_name=28630ebb-41d5-11d1-a9c1-0000f80367c1
account_name=3e0abfd0-126a-11d0-a060-00aa006c33ed
account_control=bf967a68-0de6-11d0-a285-00aa003049e2
password_last_set=bf967a0a-0de6-11d0-a285-00aa003049e2
lockout_time=28630ebf-41d5-11d1-a9c1-0000f80367c1
display_name=bf967953-0de6-11d0-a285-00aa003049e2
initials=f0f8ff90-1191-11d0-a060-00aa006c33ed
mobile=f0f8ffa3-1191-11d0-a060-00aa006c33ed
home_phone=f0f8ffa1-1191-11d0-a060-00aa006c33ed
ip_phone=4d146e4a-48d4-11d1-a9c3-0000f80367c1
facsimile_telephone_number=bf967974-0de6-11d0-a285-00aa003049e2
pager=f0f8ffa6-1191-11d0-a060-00aa006c33ed
company=f0f8ff88-1191-11d0-a060-00aa006c33ed
manager=bf9679b5-0de6-11d0-a285-00aa003049e2
employee_id=bf967962-0de6-11d0-a285-00aa003049e2
employee_number=a8df73ef-c5ea-11d1-bbcb-0080c76670c0
employee_type=a8df73f0-c5ea-11d1-bbcb-0080c76670c0
physical_delivery_office_name=bf9679f7-0de6-11d0-a285-00aa003049e2
street_address=f0f8ff84-1191-11d0-a060-00aa006c33ed
post_office_box=bf9679fb-0de6-11d0-a285-00aa003049e2
city=bf9679a2-0de6-11d0-a285-00aa003049e2
state=bf967a39-0de6-11d0-a285-00aa003049e2
postal_code=bf9679fd-0de6-11d0-a285-00aa003049e2
country=bf967945-0de6-11d0-a285-00aa003049e2
country_name=f0f8ffa7-1191-11d0-a060-00aa006c33ed
country_code=5fd42471-1262-11d0-a060-00aa006c33ed
www_home_page=bf967a7a-0de6-11d0-a285-00aa003049e2
info=bf96793e-0de6-11d0-a285-00aa003049e2
home_directory=bf967985-0de6-11d0-a285-00aa003049e2
home_drive=bf967986-0de6-11d0-a285-00aa003049e2
profile_path=bf967a05-0de6-11d0-a285-00aa003049e2
script_path=bf9679a8-0de6-11d0-a285-00aa003049e2
user_workstations=bf9679d7-0de6-11d0-a285-00aa003049e2
logon_hours=bf9679ab-0de6-11d0-a285-00aa003049e2
account_expires=bf967915-0de6-11d0-a285-00aa003049e2
thumbnail_photo=8d3bca50-1d7e-11d0-a081-00aa006c33ed
member=bf9679c0-0de6-11d0-a285-00aa003049e2
dns_host_name=72e39547-7b18-11d1-adef-00c04fd8d5cd
managed_by=0296c120-40da-11d1-a9c0-0000f80367c1
object_guid=bf9679e7-0de6-11d0-a285-00aa003049e2

password_settings=3bcd9db8-f84b-451c-952f-6c52b81f9ec6
precedence=456374ac-1f0a-4617-93cf-bc55a7c9d341
minimum_length=b21b3439-4c3a-441c-bb5f-08f20e9b315e
history_length=fed81bb7-768c-4c2f-9641-2245de34794d
complexity=db68054b-c9c3-4bf0-b15b-0fb52552a610
minimum_age=2a74f878-4d9c-49f9-97b3-6767d1cbd9a3
maximum_age=fdd337f5-4999-4fce-b252-8ff9c9b43875
lockout_threshold=b8c8c35e-4a19-4a95-99d0-69fe4446286f
lockout_duration=421f889a-472e-4fe4-8eb9-e1d0bc6071b2
lockout_window=b05bda89-76af-468a-b892-1be55558ecc8

# The control access right User-Force-Change-Password (MS-ADTS 5.1.3.2.1).
reset_password=00299570-246d-11d0-a768-00aa006e0529

sid=$(samba-tool user show "$account" --attributes=objectSid "$@" | sed -n 's/^objectSid: //p')
[ -n "$sid" ] || {
    echo "delegate.sh: $account: no such user" >&2
    exit 1
}

# The domain of the unit: the trailing DC=… of its DN.
domain=$(printf '%s\n' "$unit" | awk -F, '{
    for (i = NF; i > 0 && tolower($i) ~ /^ *dc=/ && (i == 1 || $(i - 1) !~ /\\$/); i--) {
        dn = i == NF ? $i : $i "," dn
    }
    print dn
}')
[ -n "$domain" ] || {
    echo "delegate.sh: $unit: not a distinguished name: it must end in DC=…" >&2
    exit 1
}

aces=

# allow RIGHTS CLASS OBJECT…: grants rights on attributes, or a control access right, of all entries
# of the class below the unit.
allow() {
    rights=$1 class=$2
    shift 2
    for object; do
        aces="$aces(OA;CIIO;$rights;$object;$class;$sid)"
    done
}

# Grants the right to create and delete entries in the unit and below it. Moving an entry requires
# the right to delete it.
for class in "$user" "$group" "$computer" "$organizational_unit" "$container"; do
    aces="$aces(OA;CI;CCDC;$class;;$sid)(OA;CIIO;SDRPLCLORC;;$class;$sid)"
    allow WP "$class" "$cn" "$name" "$description"
done
# Grants the right to delete users, groups and computers together with the entries below them, such
# as the phones of a user or the recovery keys of a computer (Delete Tree). Kontora lists these
# entries before it deletes them. Units and containers must be empty.
aces="$aces(OA;CIIO;DT;;$user;$sid)(OA;CIIO;DT;;$group;$sid)(OA;CIIO;DT;;$computer;$sid)"
allow RP "$recovery_information" "$object_guid"
allow WP "$organizational_unit" "$ou"
allow WP "$group" "$account_name" "$member"
allow WP "$user" \
    "$given_name" "$sn" "$mail" "$telephone_number" "$title" "$department" \
    "$user_principal_name" "$account_name" "$account_control" "$password_last_set" \
    "$lockout_time" "$display_name" "$initials" "$mobile" "$home_phone" "$ip_phone" \
    "$facsimile_telephone_number" "$pager" "$company" "$manager" "$employee_id" \
    "$employee_number" "$employee_type" "$physical_delivery_office_name" "$street_address" \
    "$post_office_box" "$city" "$state" "$postal_code" "$country" "$country_name" \
    "$country_code" "$www_home_page" "$info" "$home_directory" "$home_drive" "$profile_path" \
    "$script_path" "$user_workstations" "$logon_hours" "$account_expires" "$thumbnail_photo"
allow CR "$user" "$reset_password"
allow WP "$computer" "$account_name" "$account_control" "$dns_host_name" "$managed_by"
allow CR "$computer" "$reset_password"

samba-tool dsacl set --objectdn="$unit" --sddl="$aces" "$@" >/dev/null

# Grants the right to read the rules of password settings objects. All accounts may read those of
# the domain's policy.
aces="(A;;LC;;;$sid)"
allow RP "$password_settings" "$cn" "$precedence" "$minimum_length" "$history_length" \
    "$complexity" "$minimum_age" "$maximum_age" "$lockout_threshold" "$lockout_duration" \
    "$lockout_window"
samba-tool dsacl set --objectdn="CN=Password Settings Container,CN=System,$domain" --sddl="$aces" \
    "$@" >/dev/null

# Members of this group may read tokenGroups, by which Kontora recognizes privileged objects.
readers='Windows Authorization Access Group'
samba-tool group listmembers "$readers" "$@" | grep -qixF "$account" ||
    samba-tool group addmembers "$readers" "$account" "$@" >/dev/null

echo "$account may now manage users, groups, computers, units and containers below $unit"
