"""Instances, network interfaces, launch templates, Auto Scaling groups."""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.aws.base import Ec2, Tag


class GroupIdentifier(Ec2, frozen=True):
    group_id: str
    group_name: str = ""


class InterfaceAttachment(Ec2, frozen=True):
    device_index: int = 0
    network_card_index: int = 0
    instance_id: str = ""
    status: str = ""


class PrivateAddress(Ec2, frozen=True):
    private_ip_address: str
    primary: bool = False


class InstanceInterface(Ec2, frozen=True):
    """A network interface as describe-instances lists it under its instance."""

    network_interface_id: str = ""
    subnet_id: str = ""
    vpc_id: str = ""
    private_ip_address: str = ""
    interface_type: str = "interface"
    description: str = ""
    groups: tuple[GroupIdentifier, ...] = ()
    attachment: InterfaceAttachment | None = None


class NetworkInterface(Ec2, frozen=True):
    """From describe-network-interfaces; ``interface_type`` is ``interface``, ``branch``, ``trunk``, ``nat_gateway`` and more."""

    network_interface_id: str
    subnet_id: str = ""
    vpc_id: str = ""
    availability_zone: str = ""
    private_ip_address: str = ""
    private_ip_addresses: tuple[PrivateAddress, ...] = ()
    interface_type: str = "interface"
    description: str = ""
    groups: tuple[GroupIdentifier, ...] = ()
    attachment: InterfaceAttachment | None = None
    status: str = ""
    tag_set: tuple[Tag, ...] = ()


class InstanceState(Ec2, frozen=True):
    name: str = ""


class InstanceProfileSpecification(Ec2, frozen=True):
    """An instance's own (``arn``) or a template's (``arn`` or ``name``)."""

    arn: str = ""
    name: str = ""


class MetadataOptions(Ec2, frozen=True):
    """How the instance metadata service answers; empty: as the account, the AMI or EC2 has it."""

    http_tokens: str = ""
    http_put_response_hop_limit: int = 0
    http_endpoint: str = ""


class Instance(Ec2, frozen=True):
    """From describe-instances, one per instance (reservations are flattened by the source)."""

    instance_id: str
    instance_type: str = ""
    subnet_id: str = ""
    vpc_id: str = ""
    private_ip_address: str = ""
    private_dns_name: str = ""
    security_groups: tuple[GroupIdentifier, ...] = ()
    network_interfaces: tuple[InstanceInterface, ...] = ()
    state: InstanceState = field(default_factory=InstanceState)
    iam_instance_profile: InstanceProfileSpecification | None = None
    metadata_options: MetadataOptions = MetadataOptions()
    tags: tuple[Tag, ...] = ()


class MemoryInfo(Ec2, frozen=True):
    size_in_mib: int = field(default=0, name="SizeInMiB")


class GpuDevice(Ec2, frozen=True):
    name: str = ""
    manufacturer: str = ""
    count: int = 0
    memory_info: MemoryInfo = field(default_factory=MemoryInfo)


class GpuInfo(Ec2, frozen=True):
    gpus: tuple[GpuDevice, ...] = ()


class VCpuInfo(Ec2, frozen=True):
    default_v_cpus: int = field(default=0, name="DefaultVCpus")


class NeuronCoreInfo(Ec2, frozen=True):
    count: int = 0


class NeuronDevice(Ec2, frozen=True):
    """``core_info`` is of one device."""

    name: str = ""
    count: int = 0
    core_info: NeuronCoreInfo = field(default_factory=NeuronCoreInfo)


class NeuronInfo(Ec2, frozen=True):
    neuron_devices: tuple[NeuronDevice, ...] = ()


class ProcessorInfo(Ec2, frozen=True):
    supported_architectures: tuple[str, ...] = ()
    manufacturer: str = ""


class InstanceTypeInfo(Ec2, frozen=True):
    instance_type: str
    v_cpu_info: VCpuInfo = field(default_factory=VCpuInfo, name="VCpuInfo")
    memory_info: MemoryInfo = field(default_factory=MemoryInfo)
    gpu_info: GpuInfo | None = None
    neuron_info: NeuronInfo | None = None
    processor_info: ProcessorInfo = field(default_factory=ProcessorInfo)


class TemplateInterface(Ec2, frozen=True):
    device_index: int = 0
    network_card_index: int = 0
    subnet_id: str = ""
    groups: tuple[str, ...] = ()


class LaunchTemplateData(Ec2, frozen=True):
    """``user_data`` is redacted on the way into a snapshot (an unknown field then says that there was some)."""

    instance_type: str = ""
    image_id: str = ""
    user_data: str = ""
    security_group_ids: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    network_interfaces: tuple[TemplateInterface, ...] = ()
    iam_instance_profile: InstanceProfileSpecification | None = None
    metadata_options: MetadataOptions = MetadataOptions()


class LaunchTemplateVersion(Ec2, frozen=True):
    """From describe-launch-template-versions; key ``lt-id/version``."""

    launch_template_id: str
    launch_template_name: str = ""
    version_number: int = 1
    default_version: bool = False
    launch_template_data: LaunchTemplateData = field(default_factory=LaunchTemplateData)


class LaunchTemplateSpecification(Ec2, frozen=True):
    launch_template_id: str = ""
    launch_template_name: str = ""
    version: str = ""


class InstanceRequirements(Ec2, frozen=True):
    """Attributes by which instance types are chosen; of them only the names, which may have ``*``, are read."""

    allowed_instance_types: tuple[str, ...] = ()


class LaunchTemplateOverride(Ec2, frozen=True):
    """``instance_requirements`` stand in the place of a type, also of the launch template's own."""

    instance_type: str = ""
    instance_requirements: InstanceRequirements | None = None
    launch_template_specification: LaunchTemplateSpecification | None = None


class MixedLaunchTemplate(Ec2, frozen=True):
    launch_template_specification: LaunchTemplateSpecification = field(default_factory=LaunchTemplateSpecification)
    overrides: tuple[LaunchTemplateOverride, ...] = ()


class MixedInstancesPolicy(Ec2, frozen=True):
    launch_template: MixedLaunchTemplate = field(default_factory=MixedLaunchTemplate)


class AutoScalingInstance(Ec2, frozen=True):
    instance_id: str
    availability_zone: str = ""
    lifecycle_state: str = ""


class AutoScalingGroup(Ec2, frozen=True):
    auto_scaling_group_name: str
    min_size: int = 0
    max_size: int = 0
    desired_capacity: int = 0
    vpc_zone_identifier: str = field(default="", name="VPCZoneIdentifier")
    availability_zones: tuple[str, ...] = ()
    launch_template: LaunchTemplateSpecification | None = None
    mixed_instances_policy: MixedInstancesPolicy | None = None
    launch_configuration_name: str = ""
    instances: tuple[AutoScalingInstance, ...] = ()
    tags: tuple[Tag, ...] = ()
